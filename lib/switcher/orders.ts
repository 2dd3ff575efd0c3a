import type { SleepLevel } from '../options/types.ts'
import { call } from './callback.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

/** An order by hand. It takes precedence over the policy. */
export interface Order {
  kind: 'wake' | 'sleep'
  slot: Slot
  level: SleepLevel | undefined
  /** The id of the request (`request.id`) that gave the order, if any. */
  request?: string | undefined
  done: () => void
  failed: (error: Error) => void
}

/** Callbacks and origin of an order. */
export type OrderAnswer = Pick<Order, 'done' | 'failed' | 'request'>

/** Open orders, oldest first. Each is answered once. */
export class Orders {
  readonly #orders = new Set<Order>()

  get size (): number {
    return this.#orders.size
  }

  /** The models that they are about, except models that a transition is about to wake. */
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

  /** A copy: carrying out one order may add others, or answer some early. */
  * [Symbol.iterator] (): Generator<Order, void> {
    for (const order of [...this.#orders]) {
      if (this.#orders.has(order)) yield order
    }
  }
}
