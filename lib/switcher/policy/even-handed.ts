import type { EvenHandedOptions } from '../../options/types.ts'
import { shareGpu } from '../placement.ts'
import { awakeSince, decide, inFlight, largest, possibleMoves } from './moves.ts'
import type { Move } from './moves.ts'
import type { ModelView, Policy, Snapshot } from './policy.ts'
import { servingTime } from './serving-time.ts'

/** Rates fade while nothing happens, and with them what leaving inflicts: looked at again after so many milliseconds at most. */
const longestForecast = 1_000

/**
 * Leave when what the others have waited is worth what those of the awake models will wait, and the moment is good: they
 * are idle, or more wait than usual. In any case when a request is overdue. docs/policies.md has the formulas.
 */
export function evenHanded ({ beta, maxWait }: Required<EvenHandedOptions>): Policy {
  return snapshot => {
    const moves = possibleMoves(snapshot, maxWait)
    const targets = bestOfEachGpu(moves)
    return decide(snapshot, moves, {
      overdueAt: move => overdueAt(move, maxWait),
      dueAt: move => targets.has(move) && isGoodMoment(move, snapshot) ? Math.min(worthAt(move, snapshot, beta), snapshot.now + longestForecast) : Infinity,
      score
    })
  }
}

/** How much waiting ends per millisecond spent on it. */
function score ({ model, cost }: Move): number {
  return model.age / (cost + servingTime(model, model.waiting))
}

/** On each GPU the move with the highest score. */
function bestOfEachGpu (moves: readonly Move[]): Set<Move> {
  const taken = new Set<number>()
  const ranking = moves.map(move => ({ move, score: score(move) })).sort((a, b) => b.score - a.score)
  return new Set(ranking.filter(({ move: { model } }) => {
    const best = model.gpus.every(gpu => !taken.has(gpu))
    model.gpus.forEach(gpu => taken.add(gpu))
    return best
  }).map(({ move }) => move))
}

/** How long those who go are away if they leave now: y. */
function timeAway ({ model, evict, cost, costBack }: Move): number {
  const drain = largest(evict, other => servingTime(other, other.inFlight))
  return drain + cost + model.serviceTime + costBack
}

/** The models that the GPUs in question are shared by. */
function rivals ({ evict }: Move, { models }: Snapshot): ModelView[] {
  return models.filter(model => evict.some(other => shareGpu(other, model)))
}

/** When the waiting of those who are not served outweighs what leaving will inflict on those who want the awake models, or wait for room there. */
function worthAt (move: Move, snapshot: Snapshot, beta: number): number {
  const away = timeAway(move)
  const inflicted = move.evict.reduce((sum, { arrivalRate, waiting }) => sum + arrivalRate * away ** 2 / 2 + waiting * away, 0)
  const unserved = rivals(move, snapshot).filter(({ awakeSince }) => awakeSince === undefined)
  const waiting = unserved.reduce((sum, model) => sum + model.waiting, 0)
  const age = unserved.reduce((sum, model) => sum + model.age, 0)
  // They will have waited for the switch as well, and each of them adds a millisecond to the sum in a millisecond.
  return snapshot.now + (beta * inflicted - age) / waiting - move.cost
}

/** Whether waiting for a better moment does not pay: nobody is to be drained, or more wait than usual. */
function isGoodMoment (move: Move, snapshot: Snapshot): boolean {
  if (inFlight(move) === 0) return true
  const excess = rivals(move, snapshot).reduce((sum, { waiting, averageWaiting }) => sum + waiting - averageWaiting, 0)
  const ebbing = move.evict.reduce((sum, { inFlight, maxConcurrency, serviceTime, arrivalRate }) =>
    sum + (Math.min(inFlight, maxConcurrency) + 1) / serviceTime - arrivalRate, 0)
  return excess > timeAway(move) * ebbing
}

/** A wait that would be too long by the time it ends is ended, once the awake models are idle or have had their share. */
function overdueAt (move: Move, maxWait: number): number {
  const { model, evict, cost, costBack } = move
  // Awake but full: those who wait for it came first, and would have to wait for it to come back.
  if (evict.some(other => !other.draining && (other.oldest ?? Infinity) < model.oldest!)) return Infinity
  const longest = Math.max(maxWait, 3 * (cost + costBack + model.serviceTime + largest(evict, ({ serviceTime }) => serviceTime)))
  const overdue = model.oldest! + longest - cost
  return inFlight(move) === 0 ? overdue : Math.max(overdue, awakeSince(move) + 3 * cost)
}
