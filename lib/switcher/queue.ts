import type { Timer } from '../clock.ts'
import type { Lease } from './lease.ts'

/** What a request is told: exactly one of the two, exactly once, unless it leaves before. */
export interface Answer {
  granted: (lease: Lease) => void
  refused: (error: Error) => void
}

/** A request that comes back because its engine died. */
export interface Comeback {
  /** When it first came, in milliseconds since the epoch: its time limit runs from there. */
  since: number
  /** It may be what killed the engine: no two of these are let in at once. */
  suspect: boolean
}

/** A request in a model's queue, not yet holding a lease. */
export interface Waiter extends Answer {
  readonly id: number
  /** When it first came, in milliseconds since the epoch. */
  readonly since: number
  /** When it came into this queue; later than `since` only for one that comes back. */
  readonly queued: number
  /** The id of the host's request, if it is one. */
  readonly request?: string | undefined
  /** What it holds in memory meanwhile. */
  readonly bytes: number
  /** Ends its wait. */
  readonly timer: Timer
  /** Undefined for all that come for the first time. */
  readonly comeback: Comeback | undefined
}

/**
 * The waiters of one model in the order of their arrival, those that come back before all others. Leaving from the middle
 * costs no more than leaving from the front.
 */
export class Queue {
  readonly #back = new Set<Waiter>()
  readonly #waiters = new Set<Waiter>()

  get size (): number {
    return this.#back.size + this.#waiters.size
  }

  /** When the oldest of them came. */
  get oldest (): number | undefined {
    const back = first(this.#back)
    const waiter = first(this.#waiters)
    return back === undefined || waiter === undefined ? (back ?? waiter)?.since : Math.min(back.since, waiter.since)
  }

  /** Whose turn it is; `suspects`: whether one that may have killed the engine can be let in. */
  next (suspects: boolean): Waiter | undefined {
    for (const waiter of this.#back) {
      if (suspects || !waiter.comeback!.suspect) return waiter
    }
    return first(this.#waiters)
  }

  add (waiter: Waiter): void {
    this.#lane(waiter).add(waiter)
  }

  /** Returns whether it was there. */
  remove (waiter: Waiter): boolean {
    return this.#lane(waiter).delete(waiter)
  }

  * [Symbol.iterator] (): Iterator<Waiter> {
    yield * this.#back
    yield * this.#waiters
  }

  #lane ({ comeback }: Waiter): Set<Waiter> {
    return comeback === undefined ? this.#waiters : this.#back
  }
}

function first (waiters: Set<Waiter>): Waiter | undefined {
  return waiters.values().next().value
}
