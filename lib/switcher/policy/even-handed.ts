import type { EvenHandedOptions } from '../../options/types.ts'
import { shareGpu } from '../placement.ts'
import { highestPriority } from '../queue.ts'
import type { Leaving } from './leaving.ts'
import { decide, largest, possibleMoves } from './moves.ts'
import type { Move } from './moves.ts'
import type { Policy, Snapshot } from './policy.ts'
import { servingTime } from './serving-time.ts'

/** Rates fall while nothing happens, and with them the harm of leaving: look again after this many milliseconds at most. */
const longestForecast = 1_000

/**
 * A model that can be frozen stays at least this many times the cost of leaving and coming back. Tuned on recorded traffic,
 * as are the next three.
 */
const leastVisit = 0.25

/**
 * A model that can be frozen may be left before all requests are served: a visit counts as at most this many times the two
 * switches.
 */
const longestVisit = 1

/** More than any score that waiting can reach. */
const firstScore = 1e9

/** Freezing pays when this many times as many requests wait as would be served meanwhile. */
const gain = 3

/** How much an arrival counts against a request that is served: it comes whether the model stays or not. */
const arrival = 0.7

/**
 * Leave when the waiting of other requests exceeds the waiting that leaving causes, and the moment is good: the awake models
 * are idle, or more requests wait than usual; or they can be frozen, and fewer requests are served in the time away than
 * wait for others. In any case when a request is overdue. docs/policies.md has the formulas.
 */
export function evenHanded ({ beta, maxWait }: Required<EvenHandedOptions>): Policy {
  return snapshot => {
    const moves = possibleMoves(snapshot, maxWait)
    const targets = bestOfEachGpu(moves)
    return decide(snapshot, moves, {
      overdueAt: move => overdueAt(move, maxWait),
      dueAt: move => targets.includes(move) || outranks(move) ? dueAt(move, snapshot, beta) : Infinity,
      // Before all moves that are due for another reason.
      score: move => outranks(move) ? firstScore * (1 + move.model.priority! + highestPriority) : score(move),
      freezeAt: ({ leaving }) => leaving.models.some(({ freezes }) => freezes) ? snapshot.now : undefined
    })
  }
}

/** Whether the models that make room can be frozen for a move that comes before all of them. */
function outranks ({ model, leaving }: Move): boolean {
  return leaving.freezes && leaving.inFlight > 0 && leaving.models.every(({ priority = 0 }) => priority < (model.priority ?? 0))
}

/** How much waiting ends per millisecond spent on it. */
function score (move: Move): number {
  return move.model.age / (move.cost + serving(move, move.model.waiting))
}

/** The moves with the highest score on each of their GPUs. */
function bestOfEachGpu (moves: readonly Move[]): Move[] {
  const best = new Map<number, Move>()
  const scores = new Map<number, number>()
  for (const move of moves) {
    const own = score(move)
    for (const gpu of move.model.gpus) {
      if (own <= (scores.get(gpu) ?? -1)) continue
      best.set(gpu, move)
      scores.set(gpu, own)
    }
  }
  return [...best.values()].filter(move => move.model.gpus.every(gpu => best.get(gpu) === move))
}

/** When leaving is worth it, or when to look again; `Infinity` while the moment is not good. */
function dueAt (move: Move, snapshot: Snapshot, beta: number): number {
  const { leaving, cost, costBack } = move
  const crowd = crowdAround(move, snapshot)
  if (leaving.freezes && leaving.inFlight > 0) {
    const away = visit(move) + thawing(leaving)
    // The requests that it was woken for must be computed again first: until then the visit has not begun.
    const visited = leaving.awakeSince + leastVisit * (cost + costBack) + thawing(leaving)
    if (outranks(move)) return visited
    // Frozen requests count only if the awake models get more requests than they finish: two long answers would only alternate.
    const pays = crowd.waiting - crowd.frozen >= gain * away * departing(leaving)
    const from = pays ? Math.max(visited, snapshot.now + largest(leaving.models, ({ owed }) => owed)) : Infinity
    return Math.min(Math.max(worthAt(move, snapshot.now, { crowd, away, beta }), from), snapshot.now + longestForecast)
  }
  const away = drainTime(leaving) + visit(move)
  if (!isGoodMoment(leaving, away, crowd)) return Infinity
  return Math.min(worthAt(move, snapshot.now, { crowd, away, beta }), snapshot.now + longestForecast)
}

/** When the waiting of other requests is worth being away for so long. */
function worthAt ({ leaving, cost }: Move, now: number, { crowd, away, beta }: { crowd: Crowd, away: number, beta: number }): number {
  // They also wait during the switch, and each adds a millisecond to the sum per millisecond.
  return now + (beta * inflicted(leaving, away) - crowd.age) / crowd.waiting - cost
}

/** How long the models that make room still need for their requests. */
function drainTime ({ models }: Leaving): number {
  return largest(models, model => servingTime(model, model.inFlight))
}

/** The time that models evicted with requests in flight need before they continue, once they are awake again. */
function thawing ({ models }: Leaving): number {
  return largest(models, ({ thawTime, inFlight }) => thawTime * inFlight)
}

/** Switch, visit, switch back. The new model serves the requests that it admits at once. */
function visit (move: Move): number {
  const { model, cost, costBack } = move
  return cost + model.thawTime * model.frozen + serving(move, Math.min(model.waiting, model.maxConcurrency)) + costBack
}

/** How long the new model serves so many requests, unless it can be left before. */
function serving ({ model, cost, costBack }: Move, count: number): number {
  const time = servingTime(model, count)
  return model.freezes ? Math.min(time, longestVisit * (cost + costBack)) : time
}

/** The waiting caused to requests for the evicted models, or for room there. */
function inflicted ({ models }: Leaving, away: number): number {
  return models.reduce((sum, { arrivalRate, waiting }) => sum + arrivalRate * away ** 2 / 2 + waiting * away, 0)
}

/** The models that share the GPUs of a move. */
interface Crowd {
  /** How many requests wait for sleeping models, and how long in total. */
  waiting: number
  age: number
  /** The frozen ones among them. */
  frozen: number
  /** How many more than usual wait for any of them. */
  excess: number
}

function crowdAround ({ leaving }: Move, { models }: Snapshot): Crowd {
  const crowd = { waiting: 0, frozen: 0, age: 0, excess: 0 }
  for (const model of models) {
    if (!shareGpu(leaving, model)) continue
    crowd.excess += model.waiting - model.averageWaiting
    if (model.awakeSince !== undefined) continue
    crowd.waiting += model.waiting
    crowd.age += model.age
    crowd.frozen += model.frozen
  }
  return crowd
}

/** Whether waiting for a better moment does not pay: no request would be drained, or more wait than usual. */
function isGoodMoment (leaving: Leaving, away: number, { excess }: Crowd): boolean {
  if (leaving.inFlight === 0) return true
  const ebbing = leaving.models.reduce((sum, { inFlight, maxConcurrency, serviceTime, arrivalRate }) =>
    sum + (Math.min(inFlight, maxConcurrency) + 1) / serviceTime - arrivalRate, 0)
  return excess > away * ebbing
}

/** How many requests fewer it would have after each millisecond, if it stayed. */
function departing ({ models }: Leaving): number {
  return models.reduce((sum, { departureRate, arrivalRate }) => sum + departureRate - arrival * arrivalRate, 0)
}

/** Ends a wait that would otherwise become too long, once the awake models are idle or have had their share. */
function overdueAt ({ model, leaving, cost, costBack }: Move, maxWait: number): number {
  // Awake but full: requests that wait for it came first, and would have to wait for it to come back.
  if (leaving.oldest < model.oldest!) return Infinity
  const longest = Math.max(maxWait, 3 * (cost + costBack + model.serviceTime + leaving.serviceTime))
  const overdue = model.oldest! + longest - cost
  return leaving.inFlight === 0 ? overdue : Math.max(overdue, leaving.awakeSince + 3 * cost)
}
