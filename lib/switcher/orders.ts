import type { SleepLevel } from '../options/types.ts'
import { call } from './callback.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

/** Something asked for by hand. It goes before what the policy would do. */
export interface Order {
  kind: 'wake' | 'sleep'
  slot: Slot
  level: SleepLevel | undefined
  /** The id of the host's request that it came by, if it came by one. */
  request?: string | undefined
  done: () => void
  failed: (error: Error) => void
}

/** What whoever gives an order says of himself. */
export type OrderAnswer = Pick<Order, 'done' | 'failed' | 'request'>

/** The orders that are still to be carried out, oldest first. Each is answered once. */
export class Orders {
  readonly #orders = new Set<Order>()

  /** The models they are about, but for those that a transition is just about to wake. */
  besides (transition?: Transition): Slot[] {
    const others = [...this.#orders].filter(({ kind, slot }) => kind === 'sleep' || slot !== transition?.plan.wake)
    return others.map(({ slot }) => slot)
  }

  add (order: Order): void {
    this.#orders.add(order)
  }

  done (order: Order): void {
    if (this.#orders.delete(order)) call(order.done)
  }

  fail (order: Order, error: Error): void {
    if (this.#orders.delete(order)) call(order.failed, error)
  }

  /** Those there are now: carrying out one may add others, or answer some before their turn has come. */
  * [Symbol.iterator] (): Generator<Order, void> {
    for (const order of [...this.#orders]) {
      if (this.#orders.has(order)) yield order
    }
  }
}
