import type { KnownCosts } from '../../options/policy-types.ts'
import { MovingAverage } from './moving-average.ts'

export interface Switch {
  /** The model that made room. */
  from: readonly string[]
  /** The model that became awake. */
  to: string
  /** Whether it was started rather than woken. */
  cold: boolean
  /** Milliseconds from the first model's sleep until the other one was awake. */
  cost: number
}

const initial = 10_000

/** Costs of switches. A start takes many times as long as a wake, so the two are kept apart. */
export class SwitchCosts {
  readonly #averages = new Map<string, MovingAverage>()
  // In the shape that policies see, for every decision. Without a prototype, since a model may have any name.
  readonly #wakes: Record<string, Record<string, number>> = Object.create(null)
  readonly #starts: Record<string, number> = Object.create(null)

  constructor ({ wakes = {}, starts = {} }: Partial<KnownCosts> = {}) {
    for (const [from, costs] of Object.entries(wakes)) {
      for (const [to, cost] of Object.entries(costs)) this.#wakesFrom(from)[to] = this.#average([from, to], cost).value
    }
    for (const [to, cost] of Object.entries(starts)) this.#starts[to] = this.#average([to], cost).value
  }

  get known (): KnownCosts {
    return { initial, wakes: this.#wakes, starts: this.#starts }
  }

  add ({ from, to, cold, cost }: Switch): void {
    if (cold) this.#starts[to] = this.#learn([to], cost)
    // Of several that went none is known to be cheaper than all of them together.
    else from.forEach(id => { this.#wakesFrom(id)[to] = this.#learn([id, to], cost) })
  }

  #learn (key: string[], cost: number): number {
    const average = this.#average(key)
    average.add(cost)
    return average.value
  }

  #average (names: string[], known?: number): MovingAverage {
    const key = JSON.stringify(names)
    const average = this.#averages.get(key) ?? new MovingAverage({ initial, weight: 0.3, outlier: 3 }, known)
    this.#averages.set(key, average)
    return average
  }

  #wakesFrom (id: string): Record<string, number> {
    this.#wakes[id] ??= Object.create(null) as Record<string, number>
    return this.#wakes[id]
  }
}
