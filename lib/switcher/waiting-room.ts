import type { Clock } from '../clock.ts'
import { PassiveTimeoutError, QueueFullError, QueueTimeoutError } from '../errors.ts'
import type { Waiter } from './queue.ts'
import type { Slot } from './slot.ts'

export interface WaitingLimits {
  /** Requests that may wait, all models together. */
  maxQueue: number
  /** Bytes of their bodies, all models together. */
  maxQueueBytes: number
}

export type Newcomer = Omit<Waiter, 'queued' | 'timer'>

/** Counts and limits all waiting requests, whichever model they wait for. */
export class WaitingRoom {
  readonly #limits: WaitingLimits
  readonly #clock: Clock
  #size = 0
  #active = 0
  #bytes = 0

  constructor (limits: WaitingLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size (): number {
    return this.#size
  }

  /** The requests that may cause a switch. */
  get active (): number {
    return this.#active
  }

  get bytes (): number {
    return this.#bytes
  }

  /** Why there is no room for another one; undefined if there is. */
  full ({ queue, model }: Slot, bytes: number): Error | undefined {
    const { maxQueue, maxQueueBytes } = this.#limits
    if (queue.size >= (model.maxQueue ?? Infinity)) return new QueueFullError(`${model.maxQueue} requests for model \`${model.id}\` at most`)
    if (this.#size >= maxQueue) return new QueueFullError(`${maxQueue} requests at most`)
    if (this.#bytes + bytes > maxQueueBytes) return new QueueFullError(`${maxQueueBytes} bytes of bodies at most`)
    return undefined
  }

  /** Why a request that first arrived at `since` may no longer wait; undefined if it has time left. */
  late (slot: Slot, since: number, mayCauseSwitch: boolean): Error | undefined {
    const { limit, error } = limitOf(slot, mayCauseSwitch)
    return since + limit > this.#clock.now() ? undefined : error()
  }

  enter (slot: Slot, newcomer: Newcomer, onTimeout: (waiter: Waiter, error: Error) => void): Waiter {
    const { since, mayCauseSwitch } = newcomer
    const { limit, error } = limitOf(slot, mayCauseSwitch)
    const queued = this.#clock.now()
    const timer = this.#clock.setTimeout(() => onTimeout(waiter, error()), since + limit - queued)
    const waiter: Waiter = { ...newcomer, queued, timer }
    slot.queue.add(waiter)
    this.#count(slot, waiter, 1)
    return waiter
  }

  /** Returns whether it was still waiting. */
  leave (slot: Slot, waiter: Waiter): boolean {
    if (!slot.queue.remove(waiter)) return false
    this.#clock.clearTimeout(waiter.timer)
    this.#count(slot, waiter, -1)
    return true
  }

  #count (slot: Slot, { bytes, mayCauseSwitch }: Waiter, sign: 1 | -1): void {
    this.#size += sign
    this.#bytes += sign * bytes
    if (mayCauseSwitch) this.#active += sign
    slot.figures.waiting.set(slot.queue.active, this.#clock.now())
  }
}

function limitOf ({ id, model: { timeouts } }: Slot, mayCauseSwitch: boolean) {
  return mayCauseSwitch
    ? { limit: timeouts.queue, error: () => new QueueTimeoutError(id, timeouts.queue) }
    : { limit: timeouts.passive, error: () => new PassiveTimeoutError(id, timeouts.passive) }
}
