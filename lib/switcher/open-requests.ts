import type { Clock } from '../clock.ts'
import type { Admission } from './admission.ts'
import type { Board } from './board.ts'
import type { Chooser } from './chooser.ts'
import type { Learned } from './learned/learned.ts'
import { waits } from './outlook.ts'
import type { OutlookContext } from './outlook.ts'
import type { Decision } from './policy/policy.ts'
import type { Slot } from './slot.ts'

/** One request in a model's queue. */
export interface WaitingRequest {
  /** Unique in this process. */
  id: number
  /** The id of Fastify's request (`request.id`), if it is one. */
  request: string | undefined
  model: string
  /** When it arrived, in milliseconds since the epoch. */
  since: number
  /** Its position in the queue of its model: 1 is next. */
  position: number
  /** The expected wait until admission. Milliseconds; an estimate, not a promise. */
  wait: number
  /** From -5 to 5. */
  priority: number
  /** Whether a model may be woken for it. */
  mayCauseSwitch: boolean
}

/** One request in flight. */
export interface HeldRequest {
  id: number
  request: string | undefined
  model: string
  /** When it was admitted, in milliseconds since the epoch. */
  since: number
  /** Bytes of the engine's answer so far. */
  output: number
  /** Whether its engine sleeps: it continues after the wake. */
  frozen: boolean
}

export interface RequestList {
  waiting: WaitingRequest[]
  inFlight: HeldRequest[]
  /** What the policy would do now; undefined if no request waits for a sleeping model. */
  next: Decision | undefined
}

export interface OpenRequestsContext {
  board: Board
  learned: Pick<Learned, 'costs'>
  clock: Clock
  admission: Admission
  chooser: Chooser
}

/** All open requests, for operators who look at them or end one. */
export class OpenRequests {
  readonly #context: OpenRequestsContext

  constructor (context: OpenRequestsContext) {
    this.#context = context
  }

  /** For each model, the next waiting requests and the oldest in flight, at most this many. */
  list (most: number): RequestList {
    const { board, learned, clock, chooser } = this.#context
    const context = { board, costs: learned.costs, now: clock.now() }
    return {
      waiting: board.slots.flatMap(slot => waitingFor(slot, most, context)),
      inFlight: board.slots.flatMap(slot => heldBy(slot, most)),
      next: chooser.mind
    }
  }

  /** Ends a request by its number. Returns whether there is one. */
  cut (id: number, error: Error): boolean {
    const { board, admission } = this.#context
    for (const slot of board.slots) {
      const lease = [...slot.leases].find(lease => lease.id === id)
      const waiter = [...slot.queue].find(waiter => waiter.id === id)
      if (lease !== undefined) lease.cut(error)
      if (waiter !== undefined) admission.refuse(slot, waiter, error)
      if (lease !== undefined || waiter !== undefined) return true
    }
    return false
  }
}

function waitingFor (slot: Slot, most: number, context: OutlookContext): WaitingRequest[] {
  if (slot.queue.size === 0) return []
  const line = slot.queue.line.slice(0, most)
  const estimates = waits(slot, line.length, context)
  return line.map(({ id, request, since, priority, mayCauseSwitch }, index) =>
    ({ id, request, model: slot.id, since, position: index + 1, wait: estimates[index]!, priority, mayCauseSwitch }))
}

function heldBy ({ id: model, leases }: Slot, most: number): HeldRequest[] {
  // A Set keeps the order of insertion.
  return [...leases].slice(0, most).map(({ id, request, since, output, frozen }) => ({ id, request, model, since, output, frozen }))
}
