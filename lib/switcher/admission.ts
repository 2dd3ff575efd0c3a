import type { Clock } from '../clock.ts'
import type { LlmuxEvents, RequestChange, RequestState } from '../events.ts'
import { call } from './callback.ts'
import { Lease } from './lease.ts'
import type { LeaseEnd } from './lease.ts'
import { highestPriority } from './queue.ts'
import type { Answer, Comeback, Waiter } from './queue.ts'
import type { Slot } from './slot.ts'
import { WaitingRoom } from './waiting-room.ts'
import type { WaitingLimits } from './waiting-room.ts'

export interface AdmissionContext {
  clock: Clock
  events: LlmuxEvents
  limits: WaitingLimits
  /** Somebody came, left or is done: time to decide. */
  onChange: () => void
}

/** What else there is to know of a request. */
export interface RequestDetails {
  comeback?: Comeback | undefined
  /** Why there is no point in waiting. */
  obstacle?: Error | undefined
  /** From -5 to 5, higher goes first; within bounds, see `turn`. Default 0. */
  priority?: number | undefined
  /** Whether a model may be woken for it. Default true. */
  mayCauseSwitch?: boolean | undefined
}

/** What only some of the events tell. */
type Details = Pick<RequestChange, 'input' | 'output'> & { error?: Error | undefined }

let lastId = 0

/** Lets requests in: grants leases on awake models, keeps the others waiting, tells everybody exactly once. */
export class Admission {
  readonly room: WaitingRoom
  readonly #context: AdmissionContext

  constructor (context: AdmissionContext) {
    this.#context = context
    this.room = new WaitingRoom(context.limits, context.clock)
  }

  /**
   * Returns what to call when the client has left; after the answer it does nothing. With an `obstacle` there is no point
   * in waiting.
   */
  request (slot: Slot, bytes: number, answer: Answer, { comeback, obstacle, mayCauseSwitch = true, ...details }: RequestDetails): () => void {
    const priority = level(details.priority)
    const id = ++lastId
    const now = this.#context.clock.now()
    const suspect = comeback?.suspect ?? false
    // Whoever is not served while another model is awake has not lost anything by it, and whoever comes back has come once.
    if (comeback === undefined && mayCauseSwitch) slot.figures.arrivals.add(now)
    if (obstacle === undefined && slot.admits && slot.queue.size === 0 && !(suspect && slot.suspect !== undefined)) {
      call(answer.granted, this.#lease(slot, id, 'arrived', now, suspect, { input: bytes }))
      this.#changed()
      return () => {}
    }
    // Whoever comes back has been let in before.
    const error = obstacle ?? (comeback === undefined ? this.room.full(bytes) : this.room.late(slot, comeback.since, mayCauseSwitch))
    if (error !== undefined) {
      this.#emit(slot, id, 'arrived', 'refused', now, error.message, { error, input: bytes })
      call(answer.refused, error)
      return () => {}
    }
    const waiter = this.room.enter(slot, { id, bytes, priority, mayCauseSwitch, comeback, since: comeback?.since ?? now, ...answer }, (waiter, error) => this.#refuse(slot, waiter, error))
    this.#emit(slot, id, 'arrived', 'queued', now, slot.awake ? 'the model is busy' : 'the model is not awake', { input: bytes })
    this.#context.onChange()
    return () => this.#leave(slot, waiter)
  }

  /** Grants all leases that can be granted. */
  admit (slot: Slot): void {
    const next = () => slot.admits ? slot.queue.next(slot.suspect === undefined) : undefined
    for (let waiter = next(); waiter !== undefined; waiter = next()) {
      this.room.leave(slot, waiter)
      call(waiter.granted, this.#lease(slot, waiter.id, 'queued', waiter.queued, waiter.comeback?.suspect ?? false))
    }
  }

  /** Refuses all who wait for a model. */
  refuseAll (slot: Slot, error: Error): void {
    // Whoever is refused may come back at once, and is not refused for the same reason unheard.
    const waiters: Waiter[] = [...slot.queue]
    waiters.forEach(waiter => this.#refuse(slot, waiter, error))
  }

  #refuse (slot: Slot, waiter: Waiter, error: Error): void {
    if (!this.room.leave(slot, waiter)) return
    this.#emit(slot, waiter.id, 'queued', 'refused', waiter.queued, error.message, { error })
    call(waiter.refused, error)
    this.#context.onChange()
  }

  #leave (slot: Slot, waiter: Waiter): void {
    if (!this.room.leave(slot, waiter)) return
    this.#emit(slot, waiter.id, 'queued', 'left', waiter.queued, 'the client has left')
    this.#context.onChange()
  }

  #lease (slot: Slot, id: number, from: RequestState, since: number, suspect: boolean, more?: Details): Lease {
    const lease = new Lease(id, slot.id, this.#context.clock.now(), (lease, how) => this.#ended(slot, lease, how))
    slot.leases.add(lease)
    if (suspect) slot.suspect = lease
    this.#emit(slot, id, from, 'granted', since, 'the model is awake', more)
    return lease
  }

  #ended (slot: Slot, lease: Lease, how: LeaseEnd): void {
    slot.leases.delete(lease)
    // A lease that was cut or lost says nothing of how long it would have taken.
    if (how === 'released') slot.figures.serviceTime.add(this.#context.clock.now() - lease.since)
    if (slot.suspect === lease) slot.suspect = undefined
    this.#emit(slot, lease.id, 'granted', how, lease.since, lease.error?.message ?? 'done', { error: lease.error, output: lease.output })
    this.#context.onChange()
  }

  #changed (): void {
    // With nobody waiting there is nothing to decide, and this is the way of most requests.
    if (this.room.active > 0) this.#context.onChange()
  }

  #emit (slot: Slot, id: number, from: RequestState, to: RequestState, since: number, reason: string, { error, ...sizes }: Details = {}): void {
    const time = this.#context.clock.now()
    this.#context.events.emit('request', {
      id, time, model: slot.id, from, to, reason, duration: time - since, ...sizes, ...(error && { error })
    })
  }
}

/** It may come from a client: what is no number is none, and more than the highest is the highest. */
function level (priority = 0): number {
  return Math.min(highestPriority, Math.max(-highestPriority, Math.round(priority) || 0))
}
