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
  /** The id of the host's request, if it is one. */
  request: string | undefined
  model: string
  /** When it came, in milliseconds since the epoch. */
  since: number
  /** Its place among those who wait for the same model: 1 is next. */
  position: number
  /** How long until it is let in. Milliseconds; an estimate, and no promise. */
  wait: number
  /** From -5 to 5. */
  priority: number
  /** Whether a model may be woken for it. */
  mayCauseSwitch: boolean
}

/** One request that its model works on. */
export interface HeldRequest {
  id: number
  request: string | undefined
  model: string
  /** When it was let in, in milliseconds since the epoch. */
  since: number
  /** Bytes of the engine's answer so far. */
  output: number
  /** Whether its engine sleeps: it goes on when that is woken. */
  frozen: boolean
}

export interface RequestList {
  waiting: WaitingRequest[]
  inFlight: HeldRequest[]
  /** What the policy would do now; undefined if nobody waits for a model that is not awake. */
  next: Decision | undefined
}

export interface OpenRequestsContext {
  board: Board
  learned: Pick<Learned, 'costs'>
  clock: Clock
  admission: Admission
  chooser: Chooser
}

/** The requests that are not over, for those who look on, and for who has to end one. */
export class OpenRequests {
  readonly #context: OpenRequestsContext

  constructor (context: OpenRequestsContext) {
    this.#context = context
  }

  /** Of each model those who are next, and those who have been in flight for longest, at most so many. */
  list (most: number): RequestList {
    const { board, learned, clock, chooser } = this.#context
    const context = { board, costs: learned.costs, now: clock.now() }
    return {
      waiting: board.slots.flatMap(slot => waitingFor(slot, most, context)),
      inFlight: board.slots.flatMap(slot => heldBy(slot, most)),
      next: chooser.mind
    }
  }

  /** Ends one by its number. Returns whether there is one. */
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
  // A set keeps the order in which its members came.
  return [...leases].slice(0, most).map(({ id, request, since, output, frozen }) => ({ id, request, model, since, output, frozen }))
}
