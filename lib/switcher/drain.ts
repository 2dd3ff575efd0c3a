import type { Clock, Timer } from '../clock.ts'
import { DrainTimeoutError } from '../errors.ts'
import type { Slot } from './slot.ts'

/** The models that get no new leases until those they have granted are back. */
export class Drain {
  readonly #clock: Clock
  readonly #timers = new Map<Slot, Timer>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  start (slot: Slot): void {
    slot.draining = true
    // A drain that is pointed at another model does not start its time limit again.
    if (this.#timers.has(slot)) return
    const limit = slot.model.timeouts.drain
    this.#timers.set(slot, this.#clock.setTimeout(() => cutLeases(slot, new DrainTimeoutError(slot.id, limit)), limit))
  }

  stop (slot: Slot): void {
    slot.draining = false
    const timer = this.#timers.get(slot)
    if (timer === undefined) return
    this.#clock.clearTimeout(timer)
    this.#timers.delete(slot)
  }
}

export function cutLeases (slot: Slot, error: Error): void {
  for (const lease of [...slot.leases]) lease.cut(error)
}
