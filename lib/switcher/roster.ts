import type { Clock, Timer } from '../clock.ts'
import { ClosingError } from '../errors.ts'
import type { Board } from './board.ts'
import type { Controls } from './controls.ts'
import { call } from './callback.ts'
import type { Orders } from './orders.ts'
import type { Slot, SwitchedModel } from './slot.ts'

/** A model that is to be replaced, or to go. */
export interface Renewal {
  /** Replaced: how long to look for a moment without a request in flight, before it is drained. Milliseconds. */
  patience: number
  /** Whether it is to go. Asked for when its time has come, as all else: there may be another change until then. */
  leaving: () => boolean
  /** Whether nothing is to be done any more. */
  settled: () => boolean
  /** Its processes have ended. What is to be in its place; undefined: nothing. */
  next: () => SwitchedModel | undefined
  done: () => void
  failed: (error: Error) => void
}

interface Pending extends Renewal {
  slot: Slot
  /** When it is drained at the latest, unless it is to go. */
  latest: number
  timer: Timer
}

export interface RosterContext {
  board: Board
  controls: Controls
  orders: Orders
  clock: Clock
  onChange: () => void
  /** It is on the board no more. */
  onGone: (slot: Slot) => void
}

/** The models that come, go and change while requests run. */
export class Roster {
  readonly #context: RosterContext
  readonly #pending = new Set<Pending>()

  constructor (context: RosterContext) {
    this.#context = context
  }

  add (model: SwitchedModel): void {
    this.#context.board.add(model)
  }

  /** Ends a model's processes as soon as that hurts nobody: then it goes, once all who wait for it have been served, or is replaced. */
  renew (id: string, renewal: Renewal): void {
    const { board, clock, onChange } = this.#context
    const timer = clock.setTimeout(onChange, renewal.patience)
    this.#pending.add({ ...renewal, slot: board.slot(id), latest: clock.now() + renewal.patience, timer })
    onChange()
  }

  /** Gives orders for those whose time has come. */
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

  /** It has no processes. */
  #finish (pending: Pending, before: Pick<Slot, 'awake' | 'kept'> = pending.slot): void {
    const { slot } = pending
    // Whoever was in flight when its engine died may have come back meanwhile.
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
    // Its next request is not to wait for a start, unless somebody else has a better claim to the place.
    if (awake && board.slots.every(other => other.queue.size === 0)) {
      // How it fares is told by the engine's events: nobody waits for an answer.
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
