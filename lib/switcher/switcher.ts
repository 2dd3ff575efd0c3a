import type { Clock, Timer } from '../clock.ts'
import { ClosingError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { SleepLevel } from '../options/types.ts'
import { Admission } from './admission.ts'
import { Board } from './board.ts'
import { DecisionLoop } from './decision-loop.ts'
import { cutLeases } from './drain.ts'
import type { EnginePort } from './engine-port.ts'
import { Orders } from './orders.ts'
import type { Order } from './orders.ts'
import { Learned } from './learned/learned.ts'
import { fits, mustGo } from './placement.ts'
import { ask } from './policy/ask.ts'
import type { Decision, ModelView, Policy } from './policy/policy.ts'
import type { RequestDetails } from './admission.ts'
import type { Answer } from './queue.ts'
import type { Slot, SwitchedModel } from './slot.ts'
import { Transition } from './transition.ts'
import type { Plan } from './transition.ts'
import type { WaitingLimits } from './waiting-room.ts'

export interface SwitcherOptions {
  engines: EnginePort
  clock: Clock
  events: LlmuxEvents
  policy: Policy
  limits: WaitingLimits
  /** What was learned before. Default: nothing. */
  learned?: Learned
}

/**
 * Owns the GPUs: who is awake, who waits, when to switch. Knows nothing of HTTP. Events come in by its methods, and each
 * of them ends in the same place, `DecisionLoop`; nothing in here waits.
 */
export class Switcher {
  /** What it has measured so far. */
  readonly learned: Learned
  readonly #options: SwitcherOptions
  readonly #board: Board
  readonly #admission: Admission
  readonly #orders = new Orders()
  readonly #decisions: DecisionLoop
  /** Put to sleep for a model that then could not be brought up. */
  readonly #evictedInVain = new Set<Slot>()
  #lookAgain: Timer
  #closed = false

  constructor (models: readonly SwitchedModel[], options: SwitcherOptions) {
    this.#options = options
    this.learned = options.learned ?? new Learned()
    this.#board = new Board(models, { ...options, learned: this.learned })
    this.#admission = new Admission({ ...options, onChange: () => this.#decisions.changed() })
    this.#decisions = new DecisionLoop([
      // A model that has become awake lets its waiters in before anybody may think of putting it to sleep again.
      () => this.#admit(),
      () => this.#board.transitions.forEach(transition => this.#advance(transition)),
      () => this.#obeyAll(),
      () => this.#followPolicy(),
      () => this.#bringBack()
    ])
  }

  /** Asks for a lease. Returns what to call when the client has left; once the request is answered it does nothing. */
  request (id: string, bytes: number, answer: Answer, details: Omit<RequestDetails, 'obstacle'> = {}): () => void {
    const slot = this.#board.slot(id)
    const obstacle = this.#closed ? new ClosingError() : this.#board.obstacle(slot)
    return this.#admission.request(slot, bytes, answer, { ...details, obstacle })
  }

  /** Makes a model awake, whether or not anybody waits for it. */
  switchTo (id: string, answer: Pick<Order, 'done' | 'failed'>): void {
    this.#order({ kind: 'wake', slot: this.#board.slot(id), level: undefined, ...answer })
  }

  /** Drains a model and puts it to sleep. If somebody waits for it, it is woken again. */
  sleep (id: string, level: SleepLevel | undefined, answer: Pick<Order, 'done' | 'failed'>): void {
    this.#order({ kind: 'sleep', slot: this.#board.slot(id), level, ...answer })
  }

  /** Lets all of a change happen before anything is decided upon it: several requests that leave together, say. */
  readonly atOnce = (change: () => void): void => this.#decisions.atOnce(change)

  /** The engine died without having been asked to. */
  lost (id: string, error: Error): void {
    const slot = this.#board.slot(id)
    this.#decisions.atOnce(() => {
      slot.awakeSince = undefined
      for (const transition of this.#board.transitions) transition.lose(slot)
      for (const lease of [...slot.leases]) lease.lose(error)
    })
  }

  /** No new leases from now on: all who wait are refused. */
  close (): void {
    const error = new ClosingError()
    this.#closed = true
    this.#decisions.atOnce(() => {
      for (const order of this.#orders) this.#orders.fail(order, error)
      for (const slot of this.#board.slots) this.#admission.refuseAll(slot, error)
      for (const transition of this.#board.transitions) {
        if (transition.open) transition.undo('the server is closing')
        else transition.abandon()
      }
    })
  }

  /** Takes all leases away. */
  cut (error: Error): void {
    this.#decisions.atOnce(() => this.#board.slots.forEach(slot => cutLeases(slot, error)))
  }

  /** Whether anybody waits for another model. */
  contended (id: string): boolean {
    return this.#admission.room.active > this.#board.slot(id).queue.active
  }

  status () {
    return {
      waiting: this.#admission.room.size,
      waitingBytes: this.#admission.room.bytes,
      models: this.#board.views(),
      transitions: [...this.#board.transitions].map(transition => transition.status())
    }
  }

  #order (order: Order): void {
    this.#orders.add(order)
    if (this.#closed) this.#orders.fail(order, new ClosingError())
    this.#decisions.changed()
  }

  #admit (): void {
    this.#board.slots.forEach(slot => this.#admission.admit(slot))
    this.#board.stranded.forEach(slot => this.#admission.refuseAll(slot, this.#board.obstacle(slot)!))
  }

  /** What a transition is for may have changed while it drained: whoever it was for may have left. */
  #advance (transition: Transition): void {
    if (!transition.open) return
    const { wake, unconditional } = transition.plan
    const obstacle = wake && this.#board.obstacle(wake)
    if (obstacle !== undefined) return transition.fail(obstacle)
    const orders = this.#orders.besides(transition)
    if (!unconditional && (transition.drained || !transition.wanted || orders.some(slot => transition.touches(slot)))) {
      this.#reconsider(transition, orders)
    }
    if (transition.drained) transition.commit()
  }

  #reconsider (transition: Transition, orders: Slot[]): void {
    const plan = this.#plan(this.#ask(this.#board.views(orders, transition)))
    if (plan === undefined) return transition.undo(transition.wanted ? 'something else goes first' : 'nobody waits for it any more')
    if (transition.follows(plan)) return
    transition.retarget(plan)
    // Whoever may stay after all is to let its waiters in.
    this.#decisions.changed()
  }

  #obeyAll (): void {
    for (const order of this.#orders) this.#obey(order)
  }

  #obey (order: Order): void {
    const { kind, slot, level } = order
    if (kind === 'wake' && slot.awake && !slot.draining) return this.#orders.done(order)
    if (this.#board.busy(slot)) return
    const obstacle = this.#board.obstacle(slot)
    if (kind === 'wake' && obstacle !== undefined) return this.#orders.fail(order, obstacle)
    if (kind === 'sleep') {
      this.#evictedInVain.delete(slot)
      return this.#begin({ wake: undefined, evict: [slot], reason: 'it was asked for', unconditional: true, level }, order)
    }
    const views = this.#board.views()
    const evict = mustGo(views.find(view => view.id === slot.id)!, views)?.map(id => this.#board.slot(id))
    if (evict !== undefined) this.#begin({ wake: slot, evict, reason: 'it was asked for', unconditional: true }, order)
  }

  #followPolicy (): void {
    this.#options.clock.clearTimeout(this.#lookAgain)
    if (this.#admission.room.active === 0 || this.#closed) return
    const views = this.#board.views(this.#orders.besides())
    if (!views.some(view => view.waiting > 0 && view.awakeSince === undefined && !view.held)) return
    const decision = this.#ask(views)
    const plan = this.#plan(decision)
    if (plan === undefined) return this.#lookAgainAt(decision.lookAgainAt)
    this.#begin(plan)
    // There may be more to do on other GPUs.
    this.#decisions.changed()
  }

  #ask (models: ModelView[]): Decision {
    const { policy, clock, events } = this.#options
    const now = clock.now()
    return ask(policy, { now, models, costs: this.learned.costs }, error => events.emit('warning', { time: now, model: undefined, error }))
  }

  #plan ({ wake, evict }: Decision): Plan | undefined {
    if (wake === undefined) return undefined
    const slots = evict.map(id => this.#board.slot(id))
    return { wake: this.#board.slot(wake), evict: slots, reason: 'a request waits for it', unconditional: false }
  }

  #lookAgainAt (time: number | undefined): void {
    if (time === undefined) return
    const { clock } = this.#options
    // Never at this very moment, or a policy that is not content with it would stop the time.
    this.#lookAgain = clock.setTimeout(() => this.#decisions.changed(), Math.max(1, time - clock.now()))
  }

  /** Those who went to sleep in vain are given their place again, unless somebody waits for another model. */
  #bringBack (): void {
    if (this.#closed) return
    for (const slot of this.#evictedInVain) {
      const views = this.#board.views(this.#orders.besides())
      const view = views.find(view => view.id === slot.id)!
      const over = slot.awake || this.#board.obstacle(slot) !== undefined || !fits(view, views.filter(other => other.awakeSince !== undefined))
      if (!over && view.held) continue
      this.#evictedInVain.delete(slot)
      if (!over) this.#begin({ wake: slot, evict: [], reason: 'the model it made way for could not be brought up', unconditional: true })
    }
  }

  #begin (plan: Plan, order?: Order): void {
    const transition = new Transition(plan, {
      ...this.#options,
      obstacle: slot => this.#board.obstacle(slot),
      onDraining: () => this.#decisions.changed(),
      onEnd: (error, woken) => this.#ended(transition, order, error, woken)
    })
    this.#board.transitions.add(transition)
    transition.start()
  }

  #ended (transition: Transition, order: Order | undefined, error: Error | undefined, woken: boolean): void {
    const { wake } = transition.plan
    this.#decisions.atOnce(() => {
      this.#board.transitions.delete(transition)
      if (woken) {
        wake!.awakeSince = this.#options.clock.now()
        this.learned.switched(transition.outcome)
      }
      if (error !== undefined) this.#failed(transition, error)
      if (order !== undefined) error === undefined ? this.#orders.done(order) : this.#orders.fail(order, error)
    })
  }

  #failed (transition: Transition, error: Error): void {
    const { wake } = transition.plan
    transition.evicted.forEach(slot => this.#evictedInVain.add(slot))
    if (wake === undefined) return
    this.#evictedInVain.delete(wake)
    this.#admission.refuseAll(wake, this.#board.obstacle(wake) ?? error)
    for (const order of this.#orders) {
      if (order.kind === 'wake' && order.slot === wake) this.#orders.fail(order, error)
    }
  }
}
