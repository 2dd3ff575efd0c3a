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
  /** A request arrived or left: time to decide. */
  onChange: () => void
  /** A request for the model is done. */
  onEnd: (slot: Slot) => void
  /** Why no request is admitted for now; undefined if requests are. */
  closed: () => string | undefined
}

/** Optional details of a request. */
export interface RequestDetails {
  comeback?: Comeback | undefined
  /** The id of Fastify's request (`request.id`). */
  request?: string | undefined
  /** From -5 to 5, higher first; clamped, see `turn`. Default 0. */
  priority?: number | undefined
  /** Whether a model may be woken for it. Default true. */
  mayCauseSwitch?: boolean | undefined
  /** Whether its engine may go to sleep while it is in flight. Default true. */
  freezable?: boolean | undefined
}

/** Whom an event is about. */
type Asker = Pick<Waiter, 'id' | 'request' | 'freezable' | 'priority'>

/** Who gets a lease. */
type Admitted = Asker & Pick<Waiter, 'since' | 'comeback'>

/** Fields that only some events have; `now`: the time, if the caller has looked. */
type Details = Pick<RequestChange, 'input' | 'output'> & { error?: Error | undefined, now?: number }

let lastId = 0

/** A refused request waits for nothing, so there is nothing to give up. */
export function refuse ({ refused }: Pick<Answer, 'refused'>, error: Error): () => void {
  call(refused, error)
  return () => {}
}

/** Admits requests: grants leases on awake models, keeps other requests waiting, answers each exactly once. */
export class Admission {
  readonly room: WaitingRoom
  readonly #context: AdmissionContext

  constructor (context: AdmissionContext) {
    this.#context = context
    this.room = new WaitingRoom(context.limits, context.clock)
  }

  /**
   * Returns a function to call when the client has left; after the answer it does nothing. `obstacle`: why waiting would be
   * pointless.
   */
  request (slot: Slot, bytes: number, answer: Answer, { comeback, request, freezable, mayCauseSwitch = true, priority: asked }: RequestDetails, obstacle?: Error): () => void {
    const priority = level(asked)
    const id = ++lastId
    const now = this.#context.clock.now()
    const { suspect = false, alone = false, since = now } = comeback ?? {}
    // A request for a sleeping model is no loss to the awake one, and a returning request counts as one arrival.
    if (comeback === undefined && mayCauseSwitch) slot.figures.arrivals.add(now)
    const closed = this.#context.closed()
    if (obstacle === undefined && closed === undefined && slot.admits && slot.queue.size === 0 && !(suspect && slot.suspect !== undefined) && !(alone && slot.leases.size > 0)) {
      call(answer.granted, this.#lease(slot, { id, request, freezable, priority, since, comeback }, 'arrived', now, { input: bytes, now }))
      this.#changed()
      return () => {}
    }
    // A returning request has been admitted before.
    const error = obstacle ?? (comeback === undefined ? this.room.full(slot, bytes) : this.room.late(slot, comeback.since, mayCauseSwitch))
    if (error !== undefined) {
      this.#emit(slot, { id, request, priority }, 'arrived', 'refused', now, error.message, { error, input: bytes, now })
      return refuse(answer, error)
    }
    const waiter = this.room.enter(slot, { id, bytes, request, freezable, priority, mayCauseSwitch, comeback, since, ...answer }, (waiter, error) => this.refuse(slot, waiter, error))
    this.#emit(slot, waiter, 'arrived', 'queued', now, closed ?? (slot.awake ? 'the model is busy' : 'the model is not awake'), { input: bytes, now })
    this.#context.onChange()
    // Only now, when the decision has been made.
    if (answer.waiting !== undefined && slot.queue.has(waiter)) call(answer.waiting, waiter)
    return () => this.#leave(slot, waiter)
  }

  /** Grants all leases that can be granted. */
  admit (slot: Slot): void {
    if (this.#context.closed() !== undefined) return
    const next = () => slot.admits ? slot.queue.next(slot.suspect === undefined) : undefined
    for (let waiter = next(); waiter !== undefined; waiter = next()) {
      // Nothing may overtake it, or with many requests its turn would never come.
      if (waiter.comeback?.alone === true && slot.leases.size > 0) return
      this.room.leave(slot, waiter)
      call(waiter.granted, this.#lease(slot, waiter, 'queued', waiter.queued))
    }
  }

  /** The engine is about to sleep with the requests of these leases. */
  freeze (slot: Slot): void {
    const now = this.#context.clock.now()
    slot.frozenSince = now
    // A listener may end other leases.
    for (const lease of [...slot.leases]) {
      if (!lease.ended) lease.freeze(now, since => this.#emit(slot, lease, 'granted', 'frozen', since, 'another model goes first'))
    }
  }

  /** The engine is awake again and continues the requests of these leases. */
  thaw (slot: Slot): void {
    if (slot.frozenSince === undefined) return
    const { clock } = this.#context
    const now = clock.now()
    const { frozen, figures } = slot
    slot.frozenSince = undefined
    // Their time begins again: two models whose clients read nothing would otherwise be switched to and fro without a pause.
    slot.stalled.clear()
    for (const lease of [...slot.leases]) {
      if (lease.frozen && !lease.ended) lease.thaw(now, since => this.#emit(slot, lease, 'frozen', 'granted', since, 'the model is awake'))
      // A stream continues when its tokens, and on average those of half of the others, have been computed again.
      if (lease.output > 0 && !lease.ended) lease.whenOutput(() => figures.thawTime.add((clock.now() - now) * 2 / (frozen + 1)))
    }
    this.#watchAlone(slot)
  }

  /** Refuses all requests that wait for a model. */
  refuseAll (slot: Slot, error: Error): void {
    // A refused request may come back at once, and then needs an answer of its own.
    const waiters: Waiter[] = [...slot.queue]
    waiters.forEach(waiter => this.refuse(slot, waiter, error))
  }

  /** Refuses a waiting request. Does nothing if it no longer waits. */
  refuse (slot: Slot, waiter: Waiter, error: Error): void {
    if (!this.room.leave(slot, waiter)) return
    this.#emit(slot, waiter, 'queued', 'refused', waiter.queued, error.message, { error })
    call(waiter.refused, error)
    this.#context.onChange()
  }

  #leave (slot: Slot, waiter: Waiter): void {
    if (!this.room.leave(slot, waiter)) return
    this.#emit(slot, waiter, 'queued', 'left', waiter.queued, 'the client has left')
    this.#context.onChange()
  }

  #lease (slot: Slot, asker: Admitted, from: RequestState, since: number, more: Details = {}): Lease {
    const { id, request, freezable, priority, comeback } = asker
    const now = more.now ??= this.#context.clock.now()
    const onEnd = (lease: Lease, how: LeaseEnd) => this.#ended(slot, lease, how)
    const lease = new Lease({ id, request, freezable, priority, model: slot.id, since: now, waited: now - asker.since, onEnd })
    slot.leases.add(lease)
    if (comeback?.suspect === true) slot.suspect = lease
    if (comeback?.alone === true) {
      slot.alone = lease
      this.#watchAlone(slot)
    }
    this.#emit(slot, asker, from, 'granted', since, 'the model is awake', more)
    return lease
  }

  /** After its first byte the others may follow. */
  #watchAlone ({ alone }: Slot): void {
    if (alone !== undefined && alone.output === 0 && !alone.ended) alone.whenOutput(() => this.#context.onChange())
  }

  #ended (slot: Slot, lease: Lease, how: LeaseEnd): void {
    slot.leases.delete(lease)
    slot.stalled.delete(lease)
    const now = this.#context.clock.now()
    slot.usedAt = now
    // A lease that was cut or lost says nothing about how long it would have taken.
    if (how === 'released' && !lease.frozen) slot.figures.serviceTime.add(lease.served(now))
    if (slot.suspect === lease) slot.suspect = undefined
    if (slot.alone === lease) slot.alone = undefined
    this.#emit(slot, lease, lease.frozen ? 'frozen' : 'granted', how, lease.changedAt, lease.error?.message ?? 'done', { error: lease.error, output: lease.output, now })
    this.#context.onEnd(slot)
  }

  #changed (): void {
    // Most requests come here: if none waits there is nothing to decide.
    if (this.room.active > 0) this.#context.onChange()
  }

  #emit (slot: Slot, { id, request }: Asker, from: RequestState, to: RequestState, since: number, reason: string, { error, input, output, now: time = this.#context.clock.now() }: Details = {}): void {
    const change: RequestChange = { id, time, model: slot.id, from, to, reason, duration: time - since }
    // Written out: this runs twice for each request, and spreading costs more than everything else here.
    if (input !== undefined) change.input = input
    if (output !== undefined) change.output = output
    if (request !== undefined) change.request = request
    if (error !== undefined) change.error = error
    this.#context.events.emit('request', change)
  }
}

/** A client may send anything: what is not a number counts as 0, and larger numbers as the highest. */
function level (priority = 0): number {
  return Math.min(highestPriority, Math.max(-highestPriority, Math.round(priority) || 0))
}
