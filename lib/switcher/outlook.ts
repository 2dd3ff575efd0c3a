import type { KnownCosts } from '../options/index.ts'
import type { Board } from './board.ts'
import { estimate } from './estimate.ts'
import type { Crowd, Situation, UnderWay } from './estimate.ts'
import { fits, shareGpu } from './placement.ts'
import type { Waiter } from './queue.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

/** What a waiting request can expect. */
export interface Outlook {
  /** Its position in the queue of its model: 1 is next. */
  position: number
  /** The expected wait until admission. Milliseconds; an estimate, not a promise. */
  wait: number
}

export interface OutlookContext {
  board: Board
  costs: KnownCosts
  now: number
}

/** The outlook of a waiting request, undefined if it no longer waits; without one, of a request that arrived now. */
export function outlook (slot: Slot, waiter: Waiter | undefined, context: OutlookContext): Outlook | undefined {
  const position = waiter === undefined ? slot.queue.active + 1 : slot.queue.place(waiter)
  return position === undefined ? undefined : { position, wait: estimate(situation(slot, position, context)) }
}

/** The waits of the first positions in a model's queue: all at once costs less than one by one. Milliseconds. */
export function waits (slot: Slot, places: number, context: OutlookContext): number[] {
  const ofFirst = situation(slot, 1, context)
  return Array.from({ length: places }, (_, index) => estimate({ ...ofFirst, position: index + 1 }))
}

function situation (slot: Slot, position: number, { board, costs, now }: OutlookContext): Situation {
  const crowds = new Map<Slot, Crowd>()
  const crowd = (other: Slot): Crowd => {
    const known = crowds.get(other) ?? crowdOf(other, arrivalOf(other.id, board.cold(other), costs), now)
    crowds.set(other, known)
    return known
  }
  const transition = [...board.transitions].find(transition => transition.touches(slot))
  const leaving = transition?.plan.evict ?? []
  const neighbours = board.slots.filter(other => other !== slot && shareGpu(other.model, slot.model))
  const stays = (other: Slot) => other === transition?.plan.wake || (other.awake && !leaving.includes(other))
  const present = neighbours.filter(stays)
  return {
    target: crowd(slot),
    position,
    open: slot.awake && !slot.draining,
    underWay: transition && underWay(transition, crowd, now),
    present: fits(slot.model, present.map(({ model }) => model)) ? [] : present.map(crowd),
    ahead: neighbours.filter(other => !stays(other) && isAhead(other, slot)).sort(byOldest).map(crowd)
  }
}

function crowdOf ({ queue, leases, figures, model }: Slot, arrival: number, now: number): Crowd {
  return {
    arrival,
    request: figures.serviceTime.value,
    waiting: queue.active,
    maxConcurrency: model.maxConcurrency,
    ages: [...leases].map(lease => lease.served(now)),
    drain: model.timeouts.drain
  }
}

/** The average cost of a switch to a model: several turns ahead, the model that makes room is unknown. */
export function arrivalOf (id: string, cold: boolean, { initial, starts, wakes }: KnownCosts): number {
  const known = cold ? [starts[id] ?? initial] : Object.values(wakes).flatMap(costs => costs[id] ?? [])
  return known.length === 0 ? initial : known.reduce((sum, cost) => sum + cost, 0) / known.length
}

function underWay ({ drainedAt, plan: { wake, evict } }: Transition, crowd: (slot: Slot) => Crowd, now: number): UnderWay {
  return {
    drained: drainedAt === undefined ? undefined : now - drainedAt,
    leaving: evict.map(crowd),
    waking: wake && crowd(wake)
  }
}

/** Assumes that the longest wait comes first; the estimate is less exact for policies with another order. */
function isAhead (other: Slot, slot: Slot): boolean {
  return other.wanted > 0 && other.oldest! < (slot.oldest ?? Infinity)
}

function byOldest (a: Slot, b: Slot): number {
  return a.oldest! - b.oldest!
}
