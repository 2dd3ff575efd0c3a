import type { Clock, Timer } from '../clock.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Board } from './board.ts'
import type { Controls } from './controls.ts'
import type { Learned } from './learned/learned.ts'
import { ask } from './policy/ask.ts'
import type { Decision, ModelView, Policy } from './policy/policy.ts'
import type { Slot } from './slot.ts'
import type { Plan } from './plan.ts'

export interface ChooserContext {
  board: Board
  /** The measured costs of switches. */
  learned: Pick<Learned, 'costs'>
  controls: Controls
  clock: Clock
  events: LlmuxEvents
  policy: Policy
  /** Time to ask the policy again. */
  onDue: () => void
}

/** No time limit ends the wait of a frozen request, so the policy is asked again after this time at the latest. Milliseconds. */
const frozenPause = 1_000

/** Asks the policy which model to wake, and which to evict for it. */
export class Chooser {
  readonly #context: ChooserContext
  #timer: Timer

  constructor (context: ChooserContext) {
    this.#context = context
  }

  /** The transition to begin for waiting requests; the GPUs of `reserved` are kept free. */
  next (reserved: readonly Slot[]): Plan | undefined {
    const { board } = this.#context
    const views = board.views(reserved)
    if (!views.some(view => view.waiting > 0 && view.awakeSince === undefined && !view.held)) {
      // A refused wake must be tried again, even if no event happens until then.
      this.#lookAgain(undefined, board.slots.some(({ frozen, retryAt }) => frozen > 0 && retryAt > 0))
      return undefined
    }
    const decision = this.#ask(views)
    const plan = this.#plan(decision)
    if (plan === undefined) this.#lookAgain(decision.lookAgainAt, views.some(({ frozen }) => frozen > 0))
    return plan
  }

  /** What the policy would do now, if the models were in this state. */
  plan (views: ModelView[]): Plan | undefined {
    return this.#plan(this.#ask(views))
  }

  /** What the policy would answer now; undefined if no request waits for a sleeping model. Has no effect. */
  get mind (): Decision | undefined {
    const { board, policy, controls, learned, clock } = this.#context
    const models = controls.hold(board.views())
    if (!models.some(view => view.waiting > 0 && view.awakeSince === undefined)) return undefined
    // Errors of the policy are reported where its answer counts.
    return ask(policy, { now: clock.now(), models, costs: learned.costs }, () => {})
  }

  /** The reason for asking again has gone. */
  forget (): void {
    this.#context.clock.clearTimeout(this.#timer)
  }

  #ask (models: ModelView[]): Decision {
    const { policy, controls, learned, clock, events } = this.#context
    const now = clock.now()
    return ask(policy, { now, models: controls.hold(models), costs: learned.costs }, error => events.emit('warning', { time: now, model: undefined, error }))
  }

  #plan ({ wake, evict, freezeAt }: Decision): Plan | undefined {
    if (wake === undefined) return undefined
    const { board } = this.#context
    const slot = board.slot(wake)
    const reason = slot.queue.active > 0 ? 'a request waits for it' : 'requests of it are frozen'
    return { wake: slot, evict: evict.map(id => board.slot(id)), freezeAt, reason, request: slot.queue.next(true)?.request, unconditional: false }
  }

  #lookAgain (asked: number | undefined, frozen: boolean): void {
    const { clock, onDue } = this.#context
    const now = clock.now()
    const time = Math.min(asked ?? Infinity, frozen ? now + frozenPause : Infinity)
    if (time === Infinity) return
    // Never at this very moment: a policy that is never content would stop time.
    this.#timer = clock.setTimeout(onDue, Math.max(1, time - now))
  }
}
