import type { Clock, Timer } from '../clock.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Board } from './board.ts'
import type { Controls } from './controls.ts'
import type { Learned } from './learned/learned.ts'
import { ask } from './policy/ask.ts'
import type { Decision, ModelView, Policy } from './policy/policy.ts'
import type { Slot } from './slot.ts'
import type { Plan } from './transition.ts'

export interface ChooserContext {
  board: Board
  /** What switches have been seen to cost. */
  learned: Pick<Learned, 'costs'>
  controls: Controls
  clock: Clock
  events: LlmuxEvents
  policy: Policy
  /** The policy wants to be asked again. */
  onDue: () => void
}

/** Asks the policy whom to wake, and whom to evict for it. */
export class Chooser {
  readonly #context: ChooserContext
  #lookAgain: Timer

  constructor (context: ChooserContext) {
    this.#context = context
  }

  /** What to begin for those who wait; the GPUs of `reserved` are kept free. */
  next (reserved: readonly Slot[]): Plan | undefined {
    const views = this.#context.board.views(reserved)
    if (!views.some(view => view.waiting > 0 && view.awakeSince === undefined && !view.held)) return undefined
    const decision = this.#ask(views)
    const plan = this.#plan(decision)
    if (plan === undefined) this.#lookAgainAt(decision.lookAgainAt)
    return plan
  }

  /** What it would do now if the models stood like this. */
  plan (views: ModelView[]): Plan | undefined {
    return this.#plan(this.#ask(views))
  }

  /** What the policy would answer now; undefined if nobody waits for a model that is not awake. Nothing comes of it. */
  get mind (): Decision | undefined {
    const { board, policy, controls, learned, clock } = this.#context
    const models = controls.hold(board.views())
    if (!models.some(view => view.waiting > 0 && view.awakeSince === undefined)) return undefined
    // A policy that fails is reported where its answer counts.
    return ask(policy, { now: clock.now(), models, costs: learned.costs }, () => {})
  }

  /** What it wanted to be asked again for is over. */
  forget (): void {
    this.#context.clock.clearTimeout(this.#lookAgain)
  }

  #ask (models: ModelView[]): Decision {
    const { policy, controls, learned, clock, events } = this.#context
    const now = clock.now()
    return ask(policy, { now, models: controls.hold(models), costs: learned.costs }, error => events.emit('warning', { time: now, model: undefined, error }))
  }

  #plan ({ wake, evict }: Decision): Plan | undefined {
    if (wake === undefined) return undefined
    const { board } = this.#context
    const slot = board.slot(wake)
    return { wake: slot, evict: evict.map(id => board.slot(id)), reason: 'a request waits for it', request: slot.queue.next(true)?.request, unconditional: false }
  }

  #lookAgainAt (time: number | undefined): void {
    if (time === undefined) return
    const { clock, onDue } = this.#context
    // Never at this very moment, or a policy that is not content with it would stop the time.
    this.#lookAgain = clock.setTimeout(onDue, Math.max(1, time - clock.now()))
  }
}
