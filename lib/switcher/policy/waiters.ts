import type { WaiterView } from './policy.ts'

/** A queue that policies can iterate: nothing is copied unless it is written as JSON. */
export class Waiters implements Iterable<WaiterView> {
  readonly #queue: Iterable<WaiterView & { mayCauseSwitch: boolean }>

  constructor (queue: Iterable<WaiterView & { mayCauseSwitch: boolean }>) {
    this.#queue = queue
  }

  * [Symbol.iterator] (): Generator<WaiterView, void> {
    for (const { since, priority, mayCauseSwitch } of this.#queue) {
      if (mayCauseSwitch) yield { since, priority }
    }
  }

  toJSON (): WaiterView[] {
    return [...this]
  }
}
