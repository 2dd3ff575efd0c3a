import type { Clock, Timer } from '../clock.ts'
import type { Board } from './board.ts'
import type { Controls } from './controls.ts'
import { mustGo, shareGpu } from './placement.ts'
import type { Slot } from './slot.ts'
import type { Plan } from './plan.ts'

export interface IdleContext {
  board: Board
  controls: Controls
  clock: Clock
  /** Something may be due. */
  onDue: () => void
}

/** An action, and when it is due. */
interface Due {
  at: number
  plan: Plan
}

/**
 * How long the awake models must have been idle before a `keepAwake` model comes back, and the pause after its wake failed.
 * Milliseconds.
 */
const returnPause = 10_000

/** What happens without requests: idle models go to sleep, and `keepAwake` models come back. */
export class Idle {
  readonly #context: IdleContext
  #timer: Timer
  #timerAt = Infinity

  constructor (context: IdleContext) {
    this.#context = context
  }

  /** The action that is due; undefined if there is none. */
  next (): Plan | undefined {
    const { board, controls, clock } = this.#context
    if (controls.paused !== undefined) return undefined
    const now = clock.now()
    let earliest = Infinity
    for (const slot of board.slots) {
      const due = this.#due(slot, now)
      if (due === undefined) continue
      if (due.at <= now) return due.plan
      earliest = Math.min(earliest, due.at)
    }
    this.#arm(earliest, now)
    return undefined
  }

  /** The model failed to wake, or died: it is not woken again at once. */
  failed (slot: Slot): void {
    slot.returnAt = this.#context.clock.now() + returnPause
  }

  close (): void {
    this.#context.clock.clearTimeout(this.#timer)
  }

  /** A timer that fires too early finds nothing to do; setting it anew after each request would cost more. */
  #arm (at: number, now: number): void {
    if (at >= this.#timerAt) return
    const { clock, onDue } = this.#context
    clock.clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = clock.setTimeout(() => {
      this.#timerAt = Infinity
      onDue()
    }, at - now)
  }

  #due (slot: Slot, now: number): Due | undefined {
    const { idleTimeout, idleStopTimeout } = slot.model
    if (slot.kept && !slot.awake) return this.#return(slot)
    if (!idleTimeout && !idleStopTimeout) return undefined
    const { board, controls } = this.#context
    if (slot.usedAt === undefined || slot.busy || controls.pins(slot) || board.busy(slot)) return undefined
    const sleepAt = slot.awake && idleTimeout ? slot.usedAt + idleTimeout : Infinity
    const stopAt = idleStopTimeout ? slot.usedAt + idleStopTimeout : Infinity
    if (stopAt <= now || stopAt < sleepAt) return { at: stopAt, plan: rest(slot, idleStopTimeout!, 3) }
    return { at: sleepAt, plan: rest(slot, idleTimeout!, undefined) }
  }

  /** A kept model does not replace one that has requests, or had some a moment ago. */
  #return (slot: Slot): Due | undefined {
    const { board, controls } = this.#context
    if (board.busy(slot) || board.obstacle(slot) !== undefined || this.#othersWait(slot)) return undefined
    const views = controls.hold(board.views())
    const evict = mustGo(views.find(view => view.id === slot.id)!, views)?.map(id => board.slot(id))
    if (evict === undefined || evict.some(other => other.busy || other.kept)) return undefined
    const at = Math.max(slot.returnAt, ...evict.map(other => other.usedAt! + (other.model.idleTimeout || returnPause)))
    const wanted = () => slot.queue.size > 0 || slot.frozen > 0 || !(this.#othersWait(slot) || evict.some(other => other.busy))
    return { at, plan: { wake: slot, evict, reason: 'it is kept awake', unconditional: false, wanted } }
  }

  #othersWait (slot: Slot): boolean {
    return this.#context.board.slots.some(other => other !== slot && (other.queue.size > 0 || other.frozen > 0) && shareGpu(other.model, slot.model))
  }
}

function rest (slot: Slot, idle: number, level: 3 | undefined): Plan {
  const reason = `no request for it for ${idle} ms`
  return { wake: undefined, evict: [slot], reason, unconditional: false, level, wanted: () => !slot.busy }
}
