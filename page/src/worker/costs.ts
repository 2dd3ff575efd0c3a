import type { Costs } from '../../../lib/simulator/costs.ts'
import type { Question } from './messages.ts'

/** Each pair of models costs what was measured for it; for other pairs only the mean is known. */
export function costsOf (models: readonly string[], { cost, start, learned }: Pick<Question, 'cost' | 'start' | 'learned'>): Costs {
  if (learned === undefined) return { switch: cost, start }
  const each = <T>(value: (model: string) => T) => Object.fromEntries(models.map(model => [model, value(model)]))
  return { switch: each(from => each(to => learned.wakes[from]?.[to] ?? cost)), start: each(model => learned.starts[model] ?? start) }
}
