import type { KnownCosts } from '../../options/policy-types.ts'
import { ModelFigures } from './model-figures.ts'
import type { KnownFigures } from './model-figures.ts'
import { SwitchCosts } from './switch-costs.ts'
import type { Switch } from './switch-costs.ts'

/** What a run has learned, in the shape that the next one reads. */
export interface Knowledge {
  costs: Pick<KnownCosts, 'wakes' | 'starts'>
  models: Record<string, KnownFigures>
}

/** All that the switcher has measured of models and switches. */
export class Learned {
  readonly #costs: SwitchCosts
  readonly #models: Map<string, ModelFigures>

  constructor ({ costs, models = {} }: Partial<Knowledge> = {}) {
    this.#costs = new SwitchCosts(costs)
    this.#models = new Map(Object.entries(models).map(([id, known]) => [id, new ModelFigures(known)]))
  }

  get costs (): KnownCosts {
    return this.#costs.known
  }

  model (id: string): ModelFigures {
    const figures = this.#models.get(id) ?? new ModelFigures()
    this.#models.set(id, figures)
    return figures
  }

  /** A successful switch. Failed ones cost what they cost for reasons of their own. */
  switched (change: Switch): void {
    this.#costs.add(change)
  }

  toJSON (): Knowledge {
    const { wakes, starts } = this.costs
    return { costs: { wakes, starts }, models: Object.fromEntries([...this.#models].map(([id, figures]) => [id, figures.toJSON()])) }
  }
}
