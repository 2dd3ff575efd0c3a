import type { EvenHandedOptions } from '../../options/types.ts'
import { shareGpu } from '../placement.ts'
import { highestPriority } from '../queue.ts'
import type { Leaving } from './leaving.ts'
import { decide, largest, possibleMoves } from './moves.ts'
import type { Move } from './moves.ts'
import type { Policy, Snapshot } from './policy.ts'
import { servingTime } from './serving-time.ts'

/** Rates fade while nothing happens, and with them what leaving inflicts: looked at again after so many milliseconds at most. */
const longestForecast = 1_000

/** Who may be frozen stays at least so many times what it costs to leave and to come back. Found on recorded traffic, as the next two. */
const leastVisit = 0.5

/** Who may be frozen need not be left until all are served: a visit counts as at most so many times the two switches. */
const longestVisit = 2

/** More than any score that comes of waiting. */
const firstScore = 1e9

/** Freezing pays when so many times as many wait as would be served meanwhile. */
const gain = 3

/**
 * Leave when what the others have waited is worth what those of the awake models will wait, and the moment is good: they
 * are idle, or more wait than usual; or they can be frozen, and fewer are served in the time away than wait for others. In
 * any case when a request is overdue. docs/policies.md has the formulas.
 */
export function evenHanded ({ beta, maxWait }: Required<EvenHandedOptions>): Policy {
  return snapshot => {
    const moves = possibleMoves(snapshot, maxWait)
    const targets = bestOfEachGpu(moves)
    return decide(snapshot, moves, {
      overdueAt: move => overdueAt(move, maxWait),
      dueAt: move => targets.includes(move) || outranks(move) ? dueAt(move, snapshot, beta) : Infinity,
      // Before all that are due for another reason.
      score: move => outranks(move) ? firstScore * (1 + move.model.priority! + highestPriority) : score(move),
      freezeAt: ({ leaving }) => leaving.models.some(({ freezes }) => freezes) ? snapshot.now : undefined
    })
  }
}

/** Whether those who go can be frozen for somebody who goes before all of them. */
function outranks ({ model, leaving }: Move): boolean {
  return leaving.freezes && leaving.inFlight > 0 && leaving.models.every(({ priority = 0 }) => priority < (model.priority ?? 0))
}

/** How much waiting ends per millisecond spent on it. */
function score ({ model, cost }: Move): number {
  return model.age / (cost + servingTime(model, model.waiting))
}

/** The moves that have the highest score on each of their GPUs. */
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

/** When leaving is worth it, or how things stand is to be looked at again; `Infinity` while the moment is not good. */
function dueAt (move: Move, snapshot: Snapshot, beta: number): number {
  const { leaving, cost, costBack } = move
  const crowd = crowdAround(move, snapshot)
  if (leaving.freezes && leaving.inFlight > 0) {
    const away = visit(move) + thawing(leaving)
    // Whom it was woken for has to be computed again before it goes on: in that time nobody has been visited.
    const visited = leaving.awakeSince + leastVisit * (cost + costBack) + thawing(leaving)
    if (outranks(move)) return visited
    // Those that are frozen are no reason to freeze others: two long answers would only take turns.
    const pays = crowd.waiting - crowd.frozen > gain * away * departing(leaving)
    const from = pays ? Math.max(visited, snapshot.now + largest(leaving.models, ({ owed }) => owed)) : Infinity
    return Math.min(Math.max(worthAt(move, snapshot.now, { crowd, away, beta }), from), snapshot.now + longestForecast)
  }
  const away = drainTime(leaving) + visit(move)
  if (!isGoodMoment(leaving, away, crowd)) return Infinity
  return Math.min(worthAt(move, snapshot.now, { crowd, away, beta }), snapshot.now + longestForecast)
}

/** When what the others have waited is worth being away for so long. */
function worthAt ({ leaving, cost }: Move, now: number, { crowd, away, beta }: { crowd: Crowd, away: number, beta: number }): number {
  const frozen = leaving.freezes ? leaving.inFlight : 0
  // They will have waited for the switch as well, and each of them adds a millisecond to the sum in a millisecond.
  return now + (beta * (inflicted(leaving, away) + frozen * away) - crowd.age) / crowd.waiting - cost
}

/** How long those who go still have to serve those whom they serve. */
function drainTime ({ models }: Leaving): number {
  return largest(models, model => servingTime(model, model.inFlight))
}

/** What it takes until those who go with requests in flight go on with them, once they are awake again. */
function thawing ({ models }: Leaving): number {
  return largest(models, ({ thawTime, inFlight }) => thawTime * inFlight)
}

/** Switch, visit, switch back. Whoever comes has those to serve that it takes at once, unless it can be left before. */
function visit ({ model, cost, costBack }: Move): number {
  const serving = servingTime(model, Math.min(model.waiting, model.maxConcurrency))
  return cost + model.thawTime * model.frozen + (model.freezes ? Math.min(serving, longestVisit * (cost + costBack)) : serving) + costBack
}

/** What those will wait who want the models that go, or wait for room there. */
function inflicted ({ models }: Leaving, away: number): number {
  return models.reduce((sum, { arrivalRate, waiting }) => sum + arrivalRate * away ** 2 / 2 + waiting * away, 0)
}

/** The models that the GPUs of a move are shared by. */
interface Crowd {
  /** How many wait for those that are not awake, and how long all together. */
  waiting: number
  age: number
  /** Those of them that are frozen. */
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

/** Whether waiting for a better moment does not pay: nobody is to be drained, or more wait than usual. */
function isGoodMoment (leaving: Leaving, away: number, { excess }: Crowd): boolean {
  if (leaving.inFlight === 0) return true
  const ebbing = leaving.models.reduce((sum, { inFlight, maxConcurrency, serviceTime, arrivalRate }) =>
    sum + (Math.min(inFlight, maxConcurrency) + 1) / serviceTime - arrivalRate, 0)
  return excess > away * ebbing
}

/** How many more are served in a millisecond than come. */
function departing ({ models }: Leaving): number {
  return models.reduce((sum, { departureRate, arrivalRate }) => sum + departureRate - arrivalRate, 0)
}

/** A wait that would be too long by the time it ends is ended, once the awake models are idle or have had their share. */
function overdueAt ({ model, leaving, cost, costBack }: Move, maxWait: number): number {
  // Awake but full: those who wait for it came first, and would have to wait for it to come back.
  if (leaving.oldest < model.oldest!) return Infinity
  const longest = Math.max(maxWait, 3 * (cost + costBack + model.serviceTime + leaving.serviceTime))
  const overdue = model.oldest! + longest - cost
  return leaving.inFlight === 0 ? overdue : Math.max(overdue, leaving.awakeSince + 3 * cost)
}
