import type { Clock } from '../clock.ts'
import { GpuMemoryError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import type { Admission } from './admission.ts'
import type { Board } from './board.ts'
import { cutLeases } from './drain.ts'
import type { EvictedInVain } from './evicted-in-vain.ts'
import type { Idle } from './idle.ts'
import type { Learned } from './learned/learned.ts'
import type { Order, Orders } from './orders.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

export interface AftermathContext {
  admission: Admission
  board: Board
  clock: Clock
  evictedInVain: EvictedInVain
  idle: Idle
  learned: Learned
  orders: Orders
}

/** How a transition ended: with an error if the model could not wake, or one that had to make room did not. */
export interface TransitionEnd {
  error: Error | undefined
  woken: boolean
  /** The order that it was for, if there is one. */
  order: Order | undefined
}

/** What follows from a finished transition: which model is awake, what the switch cost, and which requests hear of a failure. */
export class Aftermath {
  readonly #context: AftermathContext

  constructor (context: AftermathContext) {
    this.#context = context
  }

  settle (transition: Transition, { error, woken, order }: TransitionEnd): void {
    const { admission, board, clock, learned, orders } = this.#context
    board.transitions.delete(transition)
    if (woken) {
      transition.plan.wake!.woken(clock.now())
      admission.thaw(transition.plan.wake!)
      learned.switched(transition.outcome)
    }
    if (error !== undefined) this.#failed(transition, error)
    if (order !== undefined) error === undefined ? orders.done(order) : orders.fail(order, error)
  }

  #failed (transition: Transition, error: Error): void {
    const { admission, board, evictedInVain, idle, orders } = this.#context
    const { wake } = transition.plan
    transition.evicted.forEach(slot => evictedInVain.add(slot))
    if (wake === undefined) return
    evictedInVain.delete(wake)
    idle.failed(wake)
    const reason = board.obstacle(wake) ?? error
    admission.refuseAll(wake, reason)
    if (!this.#staysFrozen(wake, reason)) cutLeases(wake, reason, lease => lease.frozen)
    for (const order of orders) {
      if (order.kind === 'wake' && order.slot === wake) orders.fail(order, error)
    }
  }

  /** Another process holds the memory that the wake needs. The model stays asleep, and its frozen requests wait on, within their limit. */
  #staysFrozen (slot: Slot, reason: Error): boolean {
    const now = this.#context.clock.now()
    if (!(reason instanceof GpuMemoryError) || slot.frozenSince === undefined || now - slot.frozenSince >= slot.model.timeouts.queue) return false
    slot.retryAt = now + 1_000 * ((reason as LlmuxError).retryAfter ?? 1)
    return true
  }
}
