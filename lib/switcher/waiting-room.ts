import type { Clock } from '../clock.ts'
import { QueueFullError, QueueTimeoutError } from '../errors.ts'
import type { Waiter } from './queue.ts'
import type { Slot } from './slot.ts'

export interface WaitingLimits {
  /** Requests that may wait, all models together. */
  maxQueue: number
  /** Bytes of their bodies, all models together. */
  maxQueueBytes: number
}

export type Newcomer = Omit<Waiter, 'queued' | 'timer'>

/** Counts and bounds all who wait, whichever model they wait for. */
export class WaitingRoom {
  readonly #limits: WaitingLimits
  readonly #clock: Clock
  #size = 0
  #bytes = 0

  constructor (limits: WaitingLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size (): number {
    return this.#size
  }

  get bytes (): number {
    return this.#bytes
  }

  /** Why there is no room for one more; undefined if there is. */
  full (bytes: number): Error | undefined {
    const { maxQueue, maxQueueBytes } = this.#limits
    if (this.#size >= maxQueue) return new QueueFullError(`${maxQueue} requests at most`)
    if (this.#bytes + bytes > maxQueueBytes) return new QueueFullError(`${maxQueueBytes} bytes of bodies at most`)
    return undefined
  }

  /** Why one that first came at `since` need not wait any more; undefined if it has time left. */
  late (slot: Slot, since: number): Error | undefined {
    const limit = slot.model.timeouts.queue
    return since + limit > this.#clock.now() ? undefined : new QueueTimeoutError(slot.id, limit)
  }

  enter (slot: Slot, newcomer: Newcomer, onTimeout: (waiter: Waiter, error: Error) => void): Waiter {
    const { since } = newcomer
    const limit = slot.model.timeouts.queue
    const queued = this.#clock.now()
    const timer = this.#clock.setTimeout(() => onTimeout(waiter, new QueueTimeoutError(slot.id, limit)), since + limit - queued)
    const waiter: Waiter = { ...newcomer, queued, timer }
    slot.queue.add(waiter)
    this.#size++
    this.#bytes += waiter.bytes
    return waiter
  }

  /** Returns whether it was still waiting. */
  leave (slot: Slot, waiter: Waiter): boolean {
    if (!slot.queue.remove(waiter)) return false
    this.#clock.clearTimeout(waiter.timer)
    this.#size--
    this.#bytes -= waiter.bytes
    return true
  }
}
