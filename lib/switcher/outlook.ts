import type { Board } from './board.ts'
import { estimate } from './estimate.ts'
import type { Costs, Crowd, Situation, UnderWay } from './estimate.ts'
import { fits, shareGpu } from './placement.ts'
import type { Waiter } from './queue.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

/** What a request that waits has to expect. */
export interface Outlook {
  /** Its place among those who wait for the same model: 1 is next. */
  position: number
  /** How long until it is let in. Milliseconds; an estimate, and no promise. */
  wait: number
}

export interface OutlookContext {
  board: Board
  costsOf: (slot: Slot) => Costs
  now: number
}

/** What is expected of a model of which nothing is known: a start of a mid-sized one, and a long answer. */
export const guess = (): Costs => ({ arrival: 30_000, request: 10_000 })

/** The outlook of one who waits for a model, undefined if it waits no longer; without a waiter, of one who would come now. */
export function outlook (slot: Slot, waiter: Waiter | undefined, context: OutlookContext): Outlook | undefined {
  const position = waiter === undefined ? slot.queue.size + 1 : slot.queue.place(waiter)
  return position === undefined ? undefined : { position, wait: estimate(situation(slot, position, context)) }
}

function situation (slot: Slot, position: number, { board, costsOf, now }: OutlookContext): Situation {
  const crowds = new Map(board.slots.map(other => [other, crowdOf(other, costsOf(other), now)]))
  const crowd = (other: Slot) => crowds.get(other)!
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

function crowdOf ({ queue, leases, model }: Slot, costs: Costs, now: number): Crowd {
  return {
    ...costs,
    waiting: queue.size,
    maxConcurrency: model.maxConcurrency,
    ages: [...leases].map(({ since }) => now - since),
    drain: model.timeouts.drain
  }
}

function underWay ({ drainedAt, plan: { wake, evict } }: Transition, crowd: (slot: Slot) => Crowd, now: number): UnderWay {
  return {
    drained: drainedAt === undefined ? undefined : now - drainedAt,
    leaving: evict.map(crowd),
    waking: wake && crowd(wake)
  }
}

/** Whoever has waited longest goes first; a policy may have it otherwise, and then the estimate is not quite right. */
function isAhead ({ queue }: Slot, slot: Slot): boolean {
  return queue.size > 0 && queue.oldest! < (slot.queue.oldest ?? Infinity)
}

function byOldest (a: Slot, b: Slot): number {
  return a.queue.oldest! - b.queue.oldest!
}
