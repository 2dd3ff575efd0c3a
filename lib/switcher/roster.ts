import type { Clock, Timer } from '../clock.ts'
import { ClosingError } from '../errors.ts'
import type { Board } from './board.ts'
import type { Controls } from './controls.ts'
import { call } from './callback.ts'
import type { Orders } from './orders.ts'
import type { Slot, SwitchedModel } from './slot.ts'

/** A model that is to be replaced or removed. */
export interface Renewal {
  /** For a replacement: how long to wait for a moment without requests in flight before draining. Milliseconds. */
  patience: number
  /** Whether it is to be removed. Evaluated when its time has come: there may be another change before. */
  leaving: () => boolean
  /** Whether nothing remains to be done. */
  settled: () => boolean
  /** Called when the processes have ended. Returns the replacement of the model, if there is one. */
  next: () => SwitchedModel | undefined
  done: () => void
  failed: (error: Error) => void
}

interface Pending extends Renewal {
  slot: Slot
  /** The latest time to drain it, unless it is to be removed. */
  latest: number
  timer: Timer
}

export interface RosterContext {
  board: Board
  controls: Controls
  orders: Orders
  clock: Clock
  onChange: () => void
  /** Called when the model has left the board. */
  onGone: (slot: Slot) => void
}

/** Models that are added, removed and changed while requests run. */
export class Roster {
  readonly #context: RosterContext
  readonly #pending = new Set<Pending>()

  constructor (context: RosterContext) {
    this.#context = context
  }

  add (model: SwitchedModel): void {
    this.#context.board.add(model)
  }

  /**
   * Ends a model's processes as soon as no request suffers: a removed one after all its waiting requests, a changed one when
   * it is idle.
   */
  renew (id: string, renewal: Renewal): void {
    const { board, clock, onChange } = this.#context
    const timer = clock.setTimeout(onChange, renewal.patience)
    this.#pending.add({ ...renewal, slot: board.slot(id), latest: clock.now() + renewal.patience, timer })
    onChange()
  }

  /** Gives orders for the models whose time has come. */
  order (): void {
    for (const pending of [...this.#pending]) {
      if (pending.settled()) this.#finish(pending)
      else if (this.#isTime(pending)) this.#begin(pending)
    }
  }

  close (): void {
    for (const pending of [...this.#pending]) this.#drop(pending, () => call(pending.failed, new ClosingError()))
  }

  #isTime ({ slot, latest, leaving }: Pending): boolean {
    if (this.#context.board.busy(slot)) return false
    if (leaving()) return slot.queue.size === 0
    return slot.leases.size === 0 || this.#context.clock.now() >= latest
  }

  #begin (pending: Pending): void {
    const { slot } = pending
    const { board, orders } = this.#context
    if (slot.usedAt === undefined && !board.blocked(slot)) return this.#finish(pending)
    const { awake, kept } = slot
    this.#drop(pending, () => orders.add({
      kind: 'sleep',
      slot,
      level: 3,
      done: () => {
        this.#pending.add(pending)
        if (!pending.settled()) this.#finish(pending, { awake, kept })
      },
      failed: pending.failed
    }))
  }

  /** The model has no processes. */
  #finish (pending: Pending, before: Pick<Slot, 'awake' | 'kept'> = pending.slot): void {
    const { slot } = pending
    // Requests in flight when its engine died may have come back meanwhile.
    if (pending.leaving() && slot.busy) return
    this.#drop(pending, () => {
      if (!pending.settled()) this.#replace(slot, pending.next(), before)
      call(pending.done)
    })
  }

  #replace (slot: Slot, model: SwitchedModel | undefined, { awake, kept }: Pick<Slot, 'awake' | 'kept'>): void {
    const { board, controls, orders, onGone } = this.#context
    if (model === undefined) {
      board.remove(slot)
      controls.unpin(slot)
      return onGone(slot)
    }
    slot.model = model
    slot.kept = kept && model.keepAwake === true
    // Starts it now, so that its next request need not wait for that, unless another model has a better claim to the place.
    if (awake && board.slots.every(other => other.queue.size === 0)) {
      // The engine's events report the outcome: nothing waits for an answer.
      orders.add({ kind: 'wake', slot, level: undefined, done: () => {}, failed: () => {} })
    }
  }

  #drop (pending: Pending, then: () => void): void {
    this.#pending.delete(pending)
    this.#context.clock.clearTimeout(pending.timer)
    then()
    this.#context.onChange()
  }
}
