import type { Costs } from '../../../lib/simulator/costs.ts'
import type { Question } from './messages.ts'

/** Each pair of models costs what has been learned of it; of those that never came after one another nothing is known but the mean. */
export function costsOf (models: readonly string[], { cost, start, learned }: Pick<Question, 'cost' | 'start' | 'learned'>): Costs {
  if (learned === undefined) return { switch: cost, start }
  const each = <T>(value: (model: string) => T) => Object.fromEntries(models.map(model => [model, value(model)]))
  return { switch: each(from => each(to => learned.wakes[from]?.[to] ?? cost)), start: each(model => learned.starts[model] ?? start) }
}
