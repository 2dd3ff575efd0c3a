import type { Clock } from '../clock.ts'
import { ClosingError, ModelNotFoundError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { SleepLevel } from '../options/types.ts'
import { Admission, refuse, type RequestDetails } from './admission.ts'
import { Aftermath } from './aftermath.ts'
import { Board } from './board.ts'
import { Chooser } from './chooser.ts'
import { Controls } from './controls.ts'
import { DecisionLoop } from './decision-loop.ts'
import { cutLeases } from './drain.ts'
import type { EnginePort } from './engine-port.ts'
import { EvictedInVain } from './evicted-in-vain.ts'
import { Idle } from './idle.ts'
import { Orders, type Order, type OrderAnswer } from './orders.ts'
import type { Lease } from './lease.ts'
import { Learned } from './learned/learned.ts'
import { OpenRequests } from './open-requests.ts'
import { arrivalOf, outlook, type Outlook } from './outlook.ts'
import type { Policy } from './policy/policy.ts'
import type { Answer, Waiter } from './queue.ts'
import { Review } from './review.ts'
import { Roster } from './roster.ts'
import type { Slot, SwitchedModel } from './slot.ts'
import { Transition } from './transition.ts'
import type { Plan } from './plan.ts'
import { verdictOn } from './verdict.ts'
import type { WaitingLimits } from './waiting-room.ts'

export interface SwitcherOptions {
  engines: EnginePort
  clock: Clock
  events: LlmuxEvents
  policy: Policy
  limits: WaitingLimits
  /** What earlier runs learned. Default: nothing. */
  learned?: Learned
}

/**
 * Owns the GPUs: which model is awake, which requests wait, when to switch. Knows nothing of HTTP. Events arrive through its
 * methods, and each ends in the same place, `DecisionLoop`; nothing here waits.
 */
export class Switcher {
  /** Its measurements. */
  readonly learned: Learned
  /** Pins, pauses and the like. */
  readonly controls: Controls
  /** Models that are added, removed and changed. */
  readonly roster: Roster
  /** Waiting requests and requests in flight. */
  readonly requests: OpenRequests
  readonly #options: SwitcherOptions
  readonly #board: Board
  readonly #admission: Admission
  readonly #orders = new Orders()
  readonly #decisions: DecisionLoop
  readonly #chooser: Chooser
  readonly #idle: Idle
  readonly #review: Review
  readonly #aftermath: Aftermath
  readonly #evictedInVain = new EvictedInVain()
  #closed = false

  constructor (models: readonly SwitchedModel[], options: SwitcherOptions) {
    this.#options = options
    this.learned = options.learned ?? new Learned()
    const board = this.#board = new Board(models, { ...options, learned: this.learned })
    const onChange = () => this.#decisions.changed()
    this.controls = new Controls({ ...options, board, onChange, refuse: (slot, error) => this.#refuse(slot, error) })
    this.roster = new Roster({ ...options, board, controls: this.controls, orders: this.#orders, onChange, onGone: slot => this.#evictedInVain.delete(slot) })
    const parts = { ...options, board, learned: this.learned, controls: this.controls, onDue: onChange }
    this.#chooser = new Chooser(parts)
    this.#idle = new Idle(parts)
    const admission = this.#admission = new Admission({ ...options, onChange, onEnd: slot => this.#ended(slot), closed: () => this.controls.closed })
    this.requests = new OpenRequests({ ...parts, admission, chooser: this.#chooser })
    this.#review = new Review({ board, chooser: this.#chooser, controls: this.controls, orders: this.#orders, onChange })
    this.#aftermath = new Aftermath({ ...parts, admission, evictedInVain: this.#evictedInVain, idle: this.#idle, orders: this.#orders })
    this.#decisions = new DecisionLoop([
      () => board.place(),
      // A model that has become awake admits its waiters before any decision to put it to sleep again.
      () => this.#admit(),
      () => board.transitions.forEach(transition => this.#review.advance(transition)),
      () => this.roster.order(),
      () => { for (const order of this.#orders) this.#obey(order) },
      () => this.#followPolicy(),
      () => this.#closed || this.#evictedInVain.bringBack(board, () => this.#orders.besides(), plan => this.#begin(plan)),
      () => this.#followIdleness()
    ])
  }

  /** Asks for a lease. Returns a function to call when the client has left; after the answer it does nothing. */
  request (id: string, bytes: number, answer: Answer, details: RequestDetails = {}): () => void {
    const slot = this.#board.find(id)
    // The model was removed after the caller had looked up its name.
    if (slot === undefined) return refuse(answer, new ModelNotFoundError(id))
    const refused = this.#closed ? new ClosingError() : details.comeback === undefined ? this.controls.refusal : undefined
    const obstacle = refused ?? this.#board.obstacle(slot) ?? this.controls.obstacle(slot)
    return this.#admission.request(slot, bytes, answer, details, obstacle)
  }

  /** Makes a model awake, whether or not a request waits for it. */
  switchTo (id: string, answer: OrderAnswer): void {
    this.#order({ kind: 'wake', slot: this.#board.slot(id), level: undefined, ...answer })
  }

  /** Drains a model and puts it to sleep. A request that waits for it wakes it again. */
  sleep (id: string, level: SleepLevel | undefined, answer: OrderAnswer): void {
    this.#order({ kind: 'sleep', slot: this.#board.slot(id), level, ...answer })
  }

  /** Lets a whole change happen before any decision is based on it: several requests that leave together, for example. */
  readonly atOnce = (change: () => void): void => this.#decisions.atOnce(change)

  /** The engine died unexpectedly. */
  lost (id: string, error: Error): void {
    const slot = this.#board.slot(id)
    this.#decisions.atOnce(() => {
      slot.awakeSince = slot.frozenSince = undefined
      for (const transition of this.#board.transitions) transition.lose(slot)
      for (const lease of [...slot.leases]) lease.lose(error)
      slot.usedAt = undefined
      this.#idle.failed(slot)
    })
  }

  /** Processes that could not be stopped are gone: their GPU is free. */
  freed (): void {
    this.#decisions.changed()
  }

  /** Refuses all waiting requests, and grants no new leases. */
  close (): void {
    const error = new ClosingError()
    this.#closed = true
    this.#idle.close()
    this.roster.close()
    this.#decisions.atOnce(() => {
      for (const order of this.#orders) this.#orders.fail(order, error)
      for (const slot of this.#board.slots) this.#refuse(slot, error)
      for (const transition of this.#board.transitions) {
        if (transition.open) transition.undo('the server is closing')
        else transition.abandon(error)
      }
    })
  }

  /** Takes all leases away. */
  cut (error: Error): void {
    this.#decisions.atOnce(() => this.#board.slots.forEach(slot => cutLeases(slot, error)))
  }

  /**
   * The client of a lease has read nothing for too long. Returns whether to cut it: not while no request waits for another
   * model, nor if it can be frozen, since then nothing has to wait for it.
   */
  stalled (lease: Lease): boolean {
    const slot = this.#board.find(lease.model)
    const contended = this.#board.slots.some(other => other !== slot && other.wanted > 0)
    if (slot === undefined || lease.frozen || !slot.leases.has(lease) || !contended) return false
    if (!lease.freezable || !this.#board.freezes(slot)) return true
    slot.stalled.add(lease)
    this.#decisions.changed()
    return false
  }

  /** The client of a lease reads again. */
  readAgain (lease: Lease): void {
    this.#board.find(lease.model)?.stalled.delete(lease)
  }

  /** The outlook of a waiting request, undefined if it no longer waits; without one, of a request that arrived now. */
  outlook (id: string, waiter?: Waiter): Outlook | undefined {
    const slot = this.#board.find(id)
    return slot && outlook(slot, waiter, { board: this.#board, costs: this.learned.costs, now: this.#options.clock.now() })
  }

  /** The expected cost of making a model awake, whichever models make room. Milliseconds. */
  arrivalCost (id: string): number {
    return arrivalOf(id, this.#board.cold(this.#board.slot(id)), this.learned.costs)
  }

  /** What would be lost if a sleeping model had to be started anew, by how often it is asked for: milliseconds for each millisecond. */
  missed (id: string): number {
    const { costs } = this.learned
    const { figures } = this.#board.slot(id)
    return figures.arrivals.at(this.#options.clock.now()) * Math.max(0, arrivalOf(id, true, costs) - arrivalOf(id, false, costs))
  }

  /** Whether a request that arrived now for a model, and had to wait, would be refused. */
  full (id: string): boolean {
    return this.#admission.room.full(this.#board.slot(id), 0) !== undefined
  }

  get closed (): boolean {
    return this.#closed
  }

  /** Why a model cannot become awake; undefined if no reason is known. */
  obstacle (id: string): Error | undefined {
    return this.#board.obstacle(this.#board.slot(id))
  }

  status () {
    return {
      waiting: this.#admission.room.size,
      waitingBytes: this.#admission.room.bytes,
      ...this.controls.status(),
      models: this.#board.views(),
      transitions: [...this.#board.transitions].map(transition => transition.status())
    }
  }

  /** A request is done. While its model has others, nobody waits and nothing moves, there is nothing to decide: with many requests this is so at nearly every end. */
  #ended (slot: Slot): void {
    const board = this.#board
    const idle = slot.leases.size === 0
    if (idle || this.#admission.room.size > 0 || board.transitions.size > 0 || this.#orders.size > 0 || board.wanted) this.#decisions.changed()
  }

  #order (order: Order): void {
    this.#orders.add(order)
    if (this.#closed) this.#orders.fail(order, new ClosingError())
    this.#decisions.changed()
  }

  #admit (): void {
    for (const slot of this.#board.slots) {
      if (slot.queue.size === 0) continue
      const obstacle = this.controls.obstacle(slot)
      if (obstacle === undefined) this.#admission.admit(slot)
      else this.#admission.refuseAll(slot, obstacle)
    }
    this.#board.stranded.forEach(slot => this.#refuse(slot, this.#board.obstacle(slot)!))
  }

  /** All requests that wait for it to wake: those in its queue, and frozen ones. */
  #refuse (slot: Slot, error: Error): void {
    this.#admission.refuseAll(slot, error)
    cutLeases(slot, error, lease => lease.frozen)
  }

  #obey (order: Order): void {
    const verdict = verdictOn(order, { board: this.#board, now: this.#options.clock.now() })
    if (verdict === 'later') return
    if (verdict === 'done') return this.#orders.done(order)
    if (verdict instanceof Error) return this.#orders.fail(order, verdict)
    if (order.kind === 'sleep') {
      // Only a request may wake it again.
      this.#evictedInVain.delete(order.slot)
      order.slot.kept = false
    }
    // Woken in order to stop: the order is carried out only when it has stopped.
    this.#begin(verdict, order.kind === 'sleep' && verdict.wake !== undefined ? undefined : order)
  }

  #followPolicy (): void {
    this.#chooser.forget()
    if (!this.#board.wanted || this.#closed || this.controls.paused !== undefined) return
    const plan = this.#chooser.next(this.#orders.besides())
    if (plan === undefined) return
    this.#begin(plan)
    // There may be more to do on other GPUs.
    this.#decisions.changed()
  }

  #followIdleness (): void {
    const plan = this.#closed ? undefined : this.#idle.next()
    if (plan === undefined) return
    this.#begin(plan)
    this.#decisions.changed()
  }

  #begin (plan: Plan, order?: Order): void {
    const transition = new Transition(plan, {
      ...this.#options,
      decision: () => this.#decisions.count,
      obstacle: slot => this.#board.obstacle(slot),
      freezes: slot => this.#board.freezes(slot),
      freeze: slot => this.#admission.freeze(slot),
      onDraining: () => this.#decisions.changed(),
      onEnd: (error, woken) => this.#decisions.atOnce(() => this.#aftermath.settle(transition, { error, woken, order }))
    })
    this.#board.transitions.add(transition)
    transition.start()
  }
}
