import type { Clock } from '../clock.ts'
import type { LlmuxEvents, TransitionChange, TransitionPhase, WakeSteps } from '../events.ts'
import { cutLeases, Drain } from './drain.ts'
import type { EngineErrand, EnginePort } from './engine-port.ts'
import type { Switch } from './learned/switch-costs.ts'
import { shareGpu } from './placement.ts'
import type { Plan } from './plan.ts'
import type { Slot } from './slot.ts'

export interface TransitionContext {
  engines: EnginePort
  clock: Clock
  events: LlmuxEvents
  /** The number of the decision that is being made. */
  decision: () => number
  /** Why a model cannot wake now; undefined if no reason is known. */
  obstacle: (slot: Slot) => Error | undefined
  /** Whether requests of a model can be frozen. */
  freezes: (slot: Slot) => boolean
  /** Freezes the requests in flight now. */
  freeze: (slot: Slot) => void
  /** The drain has begun, or some requests need not be waited for any longer. */
  onDraining: () => void
  /** The transition is over; with an error if the model could not wake, or one that had to make room did not. */
  onEnd: (error: Error | undefined, woken: boolean) => void
}

type End = Pick<TransitionChange, 'outcome' | 'frozen' | 'steps' | 'error'>

/**
 * One transition of one set of GPUs: drain, put to sleep, wake or start. Until the drain is over its target may change, or
 * it may be undone; after `commit` it runs to its end.
 */
export class Transition {
  plan: Plan
  phase: TransitionPhase = 'idle'
  /** The models that it has put to sleep so far. */
  readonly evicted: Slot[] = []
  readonly phases: Partial<Record<TransitionPhase, number>> = {}
  readonly since: number
  /** The number of requests that it has frozen. */
  frozen = 0
  /** When the models that make room had no request left, in milliseconds since the epoch. */
  drainedAt: number | undefined
  readonly #context: TransitionContext
  readonly #drain: Drain
  #phaseSince: number
  /** The decision that made its plan. */
  #decision: number
  /** Whether the engine died after the order to wake. */
  #lost = false
  /** Whether the engine had to be started. */
  #cold = false
  #steps: WakeSteps | undefined
  /** Milliseconds of sleeps that were the first of their processes. They are learned apart. */
  #firstSleeps = 0

  constructor (plan: Plan, context: TransitionContext) {
    this.plan = plan
    this.#context = context
    // Engines are only known to keep requests at the model's own level.
    const freezes = (slot: Slot) => (this.plan.level ?? 1) <= (slot.model.sleepLevel ?? 1) && context.freezes(slot)
    this.#drain = new Drain({ clock: context.clock, freezes, onFreezing: context.onDraining })
    this.since = this.#phaseSince = context.clock.now()
    this.#decision = context.decision()
  }

  get slots (): Slot[] {
    const { wake, evict } = this.plan
    return wake === undefined ? evict : [wake, ...evict]
  }

  /** Whether its target can still change, or it can be undone. */
  get open (): boolean {
    return this.phase === 'checking' || this.phase === 'draining'
  }

  touches (slot: Slot): boolean {
    return this.slots.some(other => shareGpu(other.model, slot.model))
  }

  /** Whether this plan would do the same. */
  follows ({ wake, evict }: Plan): boolean {
    const own = this.plan
    return wake === own.wake && evict.length === own.evict.length && evict.every(slot => own.evict.includes(slot))
  }

  /** Whether it still has a reason. */
  get wanted (): boolean {
    const { wake, unconditional, wanted } = this.plan
    return wanted === undefined ? unconditional || wake!.wanted > 0 : wanted()
  }

  /** Whether its plan was made just now. The policy is not asked again then: one that contradicts itself would be asked forever. */
  get fresh (): boolean {
    return this.#decision === this.#context.decision()
  }

  /** Whether the models that make room have no request left that must be waited for. */
  get drained (): boolean {
    return this.phase === 'draining' && this.plan.evict.every(slot => this.#drain.over(slot))
  }

  start (): void {
    const { plan } = this
    // No model goes to sleep for one that is known not to start.
    if (plan.wake === undefined || plan.evict.length === 0) return this.#startDrain()
    this.#enter('checking')
    this.#context.engines.prepare(plan.wake.id, error => {
      if (this.plan !== plan || this.phase !== 'checking') return
      if (error === undefined) this.#startDrain()
      else this.#end(error)
    }, { force: plan.unconditional })
  }

  /** Another model is to be woken instead; models that may stay grant leases again. */
  retarget (plan: Plan): void {
    for (const slot of this.plan.evict) {
      if (!plan.evict.includes(slot)) this.#drain.stop(slot)
    }
    this.plan = plan
    this.#decision = this.#context.decision()
    this.start()
  }

  undo (reason: string): void {
    this.plan = { ...this.plan, reason }
    this.#end()
  }

  /** Ends a transition that cannot succeed. */
  fail (error: Error): void {
    this.plan = { ...this.plan }
    this.#end(error)
  }

  /** Finishes what has begun, but wakes no model that no request waits for; reports frozen requests at once. */
  abandon (error: Error): void {
    if (this.phase === 'evicting') this.plan.evict.forEach(slot => cutLeases(slot, error))
    this.plan = { ...this.plan, unconditional: false, wanted: () => false }
  }

  /** The point of no return. */
  commit (): void {
    this.#enter('evicting')
    this.drainedAt = this.#phaseSince
    const { draining } = this.phases
    // Frozen requests say nothing about how long a drain takes.
    this.plan.evict.filter(slot => slot.awake && slot.leases.size === 0).forEach(slot => slot.figures.drainTime.add(draining!))
    this.#evict([...this.plan.evict])
  }

  /** What the transition has cost. Only once the model is awake. */
  get outcome (): Switch {
    const { evicting = 0, waking = 0 } = this.phases
    return { from: this.evicted.map(slot => slot.id), to: this.plan.wake!.id, cold: this.#cold, cost: evicting + waking - this.#firstSleeps }
  }

  /** The engine died. */
  lose (slot: Slot): void {
    if (slot === this.plan.wake) this.#lost = true
  }

  status () {
    const { phase, since, plan: { wake, evict, reason, request } } = this
    return { phase, since, wake: wake?.id, evict: evict.map(slot => slot.id), reason, request }
  }

  #startDrain (): void {
    // Before listeners learn of it: one of them may undo it.
    this.plan.evict.forEach(slot => this.#drain.start(slot, this.plan.freezeAt))
    this.#enter('draining')
    this.#context.onDraining()
  }

  #evict (remaining: Slot[]): void {
    const slot = remaining.shift()
    if (slot === undefined) return this.#arrive()
    const { awake } = slot
    // Not awake even before the call, so that no request is sent to a model that goes to sleep.
    slot.awakeSince = undefined
    this.#drain.stop(slot)
    if (slot.leases.size > 0 && slot.frozenSince === undefined) this.#context.freeze(slot)
    const { frozen } = slot
    this.frozen += frozen
    const { engines, clock } = this.#context
    const began = this.plan.level === undefined && engines.pins(slot.id) ? clock.now() : undefined
    engines.sleep(slot.id, this.plan.level, error => {
      if (error !== undefined) return this.#end(error)
      if (began !== undefined) this.#learnFirstSleep(slot, clock.now() - began)
      if (awake) this.evicted.push(slot)
      if ((this.plan.level ?? slot.model.sleepLevel) === 3) slot.usedAt = undefined
      this.#evict(remaining)
    }, { ...this.#errand, frozen })
  }

  #learnFirstSleep ({ figures }: Slot, duration: number): void {
    figures.firstSleep.add(duration)
    this.#firstSleeps += duration
  }

  #arrive (): void {
    const { wake } = this.plan
    if (wake === undefined || !this.wanted) return this.#end()
    const obstacle = this.#context.obstacle(wake)
    if (obstacle !== undefined) return this.#end(obstacle)
    this.#cold = this.#context.engines.cold(wake.id)
    this.#enter('waking')
    this.#wake(wake)
  }

  #wake (slot: Slot): void {
    this.#lost = false
    this.#context.engines.wake(slot.id, (error, steps) => {
      this.#steps = steps
      if (error === undefined && this.#lost) this.#settle(slot)
      else this.#end(error)
    }, this.#errand)
  }

  /** The success may belong to the engine that died, or to one started since. Another call makes it certain. */
  #settle (slot: Slot): void {
    if (this.wanted) return this.#wake(slot)
    this.#enter('evicting')
    this.#context.engines.sleep(slot.id, undefined, error => this.#end(error), this.#errand)
  }

  get #errand (): EngineErrand {
    return { force: this.plan.unconditional, request: this.plan.request }
  }

  #end (error?: Error): void {
    this.plan.evict.forEach(slot => this.#drain.stop(slot))
    const woken = error === undefined && this.phase === 'waking'
    const gone = this.phase === 'evicting' && this.plan.wake === undefined
    const outcome = error !== undefined ? 'failed' : woken || gone ? 'done' : 'undone'
    this.#enter('idle', { outcome, ...(this.frozen > 0 && { frozen: this.frozen }), ...(this.#steps && { steps: this.#steps }), ...(error && { error }) })
    this.#context.onEnd(error, woken)
  }

  #enter (phase: TransitionPhase, end?: End): void {
    const { phase: from, plan: { wake, evict, level, reason, request } } = this
    const now = this.#context.clock.now()
    const duration = now - this.#phaseSince
    if (from !== 'idle') this.phases[from] = (this.phases[from] ?? 0) + duration
    this.phase = phase
    this.#phaseSince = now
    this.#context.events.emit('transition', {
      time: now,
      model: (wake ?? evict[0]!).id,
      ...(wake ? { wake: wake.id } : { level: level ?? evict[0]!.model.sleepLevel ?? 1 }),
      from,
      to: phase,
      reason,
      duration,
      evict: evict.map(slot => slot.id),
      phases: { ...this.phases },
      ...(request !== undefined && { request }),
      ...end
    })
  }
}
