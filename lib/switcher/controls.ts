import type { Clock } from '../clock.ts'
import { DrainingError, ModelDisabledError, NoRoomError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Board } from './board.ts'
import { fits, shareGpu } from './placement.ts'
import type { ModelView } from './policy/policy.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

/** `switching`: only switches by hand. `traffic`: no request is admitted either; those in flight finish. */
export type PauseKind = 'switching' | 'traffic'

export interface ControlsContext {
  board: Board
  clock: Clock
  events: LlmuxEvents
  /** Refuses all requests that wait for a model. */
  refuse: (slot: Slot, error: Error) => void
  /** Time to decide. */
  onChange: () => void
}

/** An operator's standing instructions to the switcher. Orders by hand take precedence. */
export class Controls {
  readonly #context: ControlsContext
  #paused: PauseKind | undefined
  #draining = false

  constructor (context: ControlsContext) {
    this.#context = context
  }

  get paused (): PauseKind | undefined {
    return this.#paused
  }

  /** Why no request is admitted; undefined if requests are. */
  get closed (): string | undefined {
    return this.#paused === 'traffic' ? 'traffic is paused' : undefined
  }

  /** The policy does not leave this model once it is awake. Removes earlier pins that do not fit beside it. */
  pin (id: string): void {
    const { board, board: { pinned } } = this.#context
    const slot = board.slot(id)
    if (pinned.has(slot)) return
    const room = (other: Slot) => !shareGpu(other.model, slot.model) || fits(slot.model, [other.model])
    for (const other of [...pinned]) {
      if (!room(other)) pinned.delete(other)
    }
    pinned.add(slot)
    this.#changed(`${id} is pinned`)
  }

  /** Without a model: all pins. */
  unpin (slot?: Slot): void {
    const { pinned } = this.#context.board
    const slots = slot === undefined ? [...pinned] : [slot]
    const unpinned = slots.filter(slot => pinned.delete(slot))
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

  /** The error for every new request, if new requests are refused. */
  get refusal (): Error | undefined {
    return this.#draining ? new DrainingError() : undefined
  }

  /** Refuses new requests; those accepted before are served. */
  drain (): void {
    if (this.#draining) return
    this.#draining = true
    this.#changed('the gateway drains')
  }

  /** Ends a drain. */
  undrain (): void {
    if (!this.#draining) return
    this.#draining = false
    this.#changed('the gateway accepts requests again')
  }

  /** Refuses all requests for a model, waiting ones included; those in flight finish. Nothing wakes it until it is enabled. */
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
    return this.#context.board.pinned.has(slot)
  }

  /** What a policy sees: pinned models cannot be moved. */
  hold (views: ModelView[]): ModelView[] {
    const { board } = this.#context
    if (board.pinned.size === 0) return views
    return views.map(view => view.awakeSince !== undefined && this.pins(board.slot(view.id)) ? { ...view, held: true } : view)
  }

  /** Why requests for a model would wait in vain: it has no room beside the pinned models. */
  obstacle (slot: Slot): Error | undefined {
    const { board, board: { slots, pinned, transitions } } = this.#context
    // A model that is woken by hand takes the place of pinned ones.
    if (pinned.size === 0 || slot.awake || [...transitions].some(({ plan }) => plan.wake === slot && plan.unconditional)) return undefined
    const staying = slots.filter(other => other !== slot && other.awake && shareGpu(other.model, slot.model) && board.isFixed(other))
    return fits(slot.model, staying.map(({ model }) => model)) ? undefined : new NoRoomError(slot.id, staying.map(({ id }) => `\`${id}\``).join(', ') + ', pinned or resident there')
  }

  /** Why a transition that can still be undone must not continue; undefined if nothing prevents it. */
  objection (transition: Transition): string | undefined {
    const { unconditional, evict, wanted } = transition.plan
    if (wanted !== undefined && !transition.wanted) return unconditional ? 'no request waits for it any more' : 'it is asked for again'
    if (unconditional) return undefined
    if (this.#paused !== undefined) return `${this.#paused} is paused`
    const pinned = evict.find(slot => this.pins(slot))
    return pinned && `${pinned.id} is pinned`
  }

  status () {
    const disabled = this.#context.board.slots.filter(slot => slot.disabled)
    return { pinned: [...this.#context.board.pinned].map(slot => slot.id), paused: this.#paused, draining: this.#draining, disabled: disabled.map(slot => slot.id) }
  }

  #changed (reason: string): void {
    const { clock, events, onChange } = this.#context
    events.emit('control', { time: clock.now(), reason, ...this.status() })
    onChange()
  }
}
