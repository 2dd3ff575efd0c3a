import type { Clock, Timer } from '../clock.ts'
import { DrainTimeoutError } from '../errors.ts'
import type { Lease } from './lease.ts'
import type { Slot } from './slot.ts'

export interface DrainContext {
  clock: Clock
  /** Whether the requests of a model can be frozen. */
  freezes: (slot: Slot) => boolean
  /** Some requests need not be waited for any longer. */
  onFreezing: () => void
}

/** Models that grant no new leases until their present ones are returned, or can be frozen. */
export class Drain {
  readonly #context: DrainContext
  readonly #limits = new Map<Slot, Timer>()
  readonly #freezes = new Map<Slot, Timer>()

  constructor (context: DrainContext) {
    this.#context = context
  }

  /** `freezeAt`: when to freeze the remaining requests, if not at the limit. Milliseconds since the epoch. */
  start (slot: Slot, freezeAt?: number): void {
    slot.draining = true
    this.#freeze(slot, freezeAt)
    // A drain that changes its target keeps its time limit.
    if (this.#limits.has(slot)) return
    const limit = slot.model.timeouts.drain
    this.#limits.set(slot, this.#context.clock.setTimeout(() => this.#expire(slot, limit), limit))
  }

  stop (slot: Slot): void {
    slot.draining = slot.freezing = false
    for (const timers of [this.#limits, this.#freezes]) this.#clear(timers, slot)
  }

  /** Whether none of its leases must be waited for any longer. */
  over (slot: Slot): boolean {
    const { leases, stalled, freezing } = slot
    if (leases.size === 0) return true
    return this.#context.freezes(slot) && [...leases].every(lease => stalled.has(lease) || (freezing && lease.freezable))
  }

  #freeze (slot: Slot, at: number | undefined): void {
    this.#clear(this.#freezes, slot)
    if (at === undefined || slot.model.freeze === 'late' || !this.#context.freezes(slot)) return
    const { clock, onFreezing } = this.#context
    const delay = at - clock.now()
    if (delay <= 0) {
      slot.freezing = true
      return
    }
    this.#freezes.set(slot, clock.setTimeout(() => {
      slot.freezing = true
      onFreezing()
    }, delay))
  }

  /** A request that can be frozen is not cut. */
  #expire (slot: Slot, limit: number): void {
    const { freezes, onFreezing } = this.#context
    slot.freezing = freezes(slot)
    cutLeases(slot, new DrainTimeoutError(slot.id, limit), slot.freezing ? ({ freezable }) => !freezable : undefined)
    onFreezing()
  }

  #clear (timers: Map<Slot, Timer>, slot: Slot): void {
    this.#context.clock.clearTimeout(timers.get(slot))
    timers.delete(slot)
  }
}

/** Takes leases away: all of them, or the given ones. */
export function cutLeases ({ leases }: Slot, error: Error, meant: (lease: Lease) => boolean = () => true): void {
  for (const lease of [...leases].filter(meant)) lease.cut(error)
}
