import type { Clock } from '../clock.ts'
import { DrainingError, ModelDisabledError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Board } from './board.ts'
import { fits, shareGpu } from './placement.ts'
import type { ModelView } from './policy/policy.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

/** `switching`: no switch but by hand. `traffic`: nobody is let in either; what has been let in runs to its end. */
export type PauseKind = 'switching' | 'traffic'

export interface ControlsContext {
  board: Board
  clock: Clock
  events: LlmuxEvents
  /** Tells all who wait for a model that they do so in vain. */
  refuse: (slot: Slot, error: Error) => void
  /** Time to decide. */
  onChange: () => void
}

/** What somebody has told the switcher to keep to, until told otherwise. What is asked for by hand goes before it. */
export class Controls {
  readonly #context: ControlsContext
  readonly #pinned = new Set<Slot>()
  #paused: PauseKind | undefined
  #draining = false

  constructor (context: ControlsContext) {
    this.#context = context
  }

  get paused (): PauseKind | undefined {
    return this.#paused
  }

  /** Why nobody is let in; undefined if requests are. */
  get closed (): string | undefined {
    return this.#paused === 'traffic' ? 'traffic is paused' : undefined
  }

  /** From when it is awake the policy does not leave this model. Those pinned before that do not fit beside it are let go. */
  pin (id: string): void {
    const slot = this.#context.board.slot(id)
    if (this.pins(slot)) return
    const room = (other: Slot) => !shareGpu(other.model, slot.model) || fits(slot.model, [other.model])
    for (const other of [...this.#pinned]) {
      if (!room(other)) this.#pinned.delete(other)
    }
    this.#pinned.add(slot)
    this.#changed(`${id} is pinned`)
  }

  /** Without a model: all. */
  unpin (slot?: Slot): void {
    const slots = slot === undefined ? [...this.#pinned] : [slot]
    const unpinned = slots.filter(slot => this.#pinned.delete(slot))
    if (unpinned.length > 0) this.#changed(`${unpinned.map(slot => slot.id).join(', ')} is no longer pinned`)
  }

  pause (what: PauseKind): void {
    if (this.#paused === what) return
    this.#paused = what
    this.#changed(`${what} is paused`)
  }

  resume (): void {
    if (this.#paused === undefined) return
    const reason = `${this.#paused} is resumed`
    this.#paused = undefined
    this.#changed(reason)
  }

  get draining (): boolean {
    return this.#draining
  }

  /** What all are refused with who come now, if they are. */
  get refusal (): Error | undefined {
    return this.#draining ? new DrainingError() : undefined
  }

  /** Refuses all who come from now on; those who have been accepted are served. */
  drain (): void {
    if (this.#draining) return
    this.#draining = true
    this.#changed('the gateway drains')
  }

  /** Ends that. */
  undrain (): void {
    if (!this.#draining) return
    this.#draining = false
    this.#changed('the gateway takes requests again')
  }

  /** Refuses all who wait for a model and all who come, and lets those in flight end. Nothing wakes it until it is enabled. */
  disable (id: string): void {
    const { board, refuse } = this.#context
    const slot = board.slot(id)
    if (slot.disabled) return
    slot.disabled = true
    refuse(slot, new ModelDisabledError(id))
    this.#changed(`${id} is disabled`)
  }

  enable (id: string): void {
    const slot = this.#context.board.slot(id)
    if (!slot.disabled) return
    slot.disabled = false
    this.#changed(`${id} is enabled`)
  }

  pins (slot: Slot): boolean {
    return this.#pinned.has(slot)
  }

  /** What a policy sees: whoever is pinned cannot be moved. */
  hold (views: ModelView[]): ModelView[] {
    if (this.#pinned.size === 0) return views
    const { board } = this.#context
    return views.map(view => view.awakeSince !== undefined && this.pins(board.slot(view.id)) ? { ...view, held: true } : view)
  }

  /** Why a transition that can still be undone is not to go on; undefined if nothing speaks against it. */
  objection (transition: Transition): string | undefined {
    const { unconditional, evict, wanted } = transition.plan
    if (unconditional) return undefined
    if (wanted !== undefined && !transition.wanted) return 'it is asked for again'
    if (this.#paused !== undefined) return `${this.#paused} is paused`
    const pinned = evict.find(slot => this.pins(slot))
    return pinned && `${pinned.id} is pinned`
  }

  status () {
    const disabled = this.#context.board.slots.filter(slot => slot.disabled)
    return { pinned: [...this.#pinned].map(slot => slot.id), paused: this.#paused, draining: this.#draining, disabled: disabled.map(slot => slot.id) }
  }

  #changed (reason: string): void {
    const { clock, events, onChange } = this.#context
    events.emit('control', { time: clock.now(), reason, ...this.status() })
    onChange()
  }
}
