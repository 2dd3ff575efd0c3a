import { shareGpu } from '../placement.ts'
import { Leavings } from './leaving.ts'
import type { Leaving } from './leaving.ts'
import { stay, switchCost } from './policy.ts'
import type { Decision, ModelView, Snapshot } from './policy.ts'

/** A model that could be woken now, and the models that would make room. */
export interface Move {
  model: ModelView
  leaving: Leaving
  /** Milliseconds without service, as far as known. */
  cost: number
  /** The cost of the way back. */
  costBack: number
}

/** A policy is this: when it may leave, and for which model. All times are milliseconds since the epoch. */
export interface Rules {
  /** From then on it comes before all that are not overdue, unless something else happens first. */
  overdueAt: (move: Move) => number
  /** The earliest time to leave for it. Infinity: not before something else happens. */
  dueAt: (move: Move) => number
  /** Of the due moves, the largest value comes first. */
  score: (move: Move) => number
  /** When to freeze requests in flight if this move is made now; undefined: at the drain's limit. */
  freezeAt?: (move: Move) => number | undefined
}

/** Wakes a model that has room; leaves for overdue requests, oldest first; then for the best due move. */
export function decide ({ now }: Snapshot, moves: readonly Move[], { overdueAt, dueAt, score, freezeAt = () => undefined }: Rules): Decision {
  let best: Move | undefined
  let highest = -Infinity
  let lookAgainAt = Infinity
  for (const move of moves) {
    const { leaving } = move
    const overdue = leaving.models.length === 0 ? now : Math.min(overdueAt(move), lastCall(move, now))
    if (overdue <= now) return wake(move, freezeAt(move))
    // A drain that has begun is finished, for the best move at its end.
    const due = leaving.draining ? now : dueAt(move)
    if (due > now) {
      lookAgainAt = Math.min(lookAgainAt, due, overdue)
      continue
    }
    const own = score(move)
    if (best === undefined || own > highest) {
      best = move
      highest = own
    }
  }
  return best === undefined ? stay(lookAgainAt === Infinity ? undefined : lookAgainAt) : wake(best, freezeAt(best))
}

/** Margin for a switch that takes longer than usual, so that the requests that it is for are still waiting. Milliseconds. */
const leeway = 1_000

/**
 * The latest time to leave for it before the first queue limit ends. `Infinity` once a switch no longer fits into the rest,
 * and while the awake models have not even had as long as the switch takes.
 */
function lastCall ({ model, leaving, cost }: Move, now: number): number {
  if (model.deadline === undefined) return Infinity
  const drain = leaving.freezes ? 0 : largest(leaving.models, ({ inFlight, drainTime, limits }) => inFlight === 0 ? 0 : Math.min(drainTime, limits.drain))
  const latest = model.deadline - cost - drain
  return latest < now ? Infinity : Math.max(latest - leeway - (cost + drain) / 2, leaving.awakeSince + cost)
}

/**
 * The possible moves: those with room first, then by waiting time. A model whose requests have waited longer than `patience`
 * and that cannot be moved now keeps its GPUs from later ones: it may need more of them than others do, and they are rarely
 * free together by chance.
 */
export function possibleMoves (snapshot: Snapshot, patience: number): Move[] {
  const { now, models } = snapshot
  const leavings = new Leavings(models)
  const kept: ModelView[] = []
  const roomy: Move[] = []
  const others: Move[] = []
  for (const model of inLine(models)) {
    if (model.awakeSince !== undefined) continue
    const leaving = model.held || kept.some(other => shareGpu(other, model)) ? undefined : leavings.for(model)
    if (leaving !== undefined) (leaving.models.length === 0 ? roomy : others).push(moveTo(snapshot, model, leaving))
    else if (now - model.oldest! >= patience) kept.push(model)
  }
  return roomy.concat(others)
}

/** The models that requests wait for, longest wait first. */
export function inLine (models: readonly ModelView[]): ModelView[] {
  return models
    .filter(model => model.waiting > 0)
    .sort((a, b) => a.oldest! - b.oldest!)
}

/** The largest of some values that are not negative; zero if there are none. */
export function largest (models: readonly ModelView[], value: (model: ModelView) => number): number {
  let most = 0
  for (const model of models) most = Math.max(most, value(model))
  return most
}

function moveTo (snapshot: Snapshot, model: ModelView, leaving: Leaving): Move {
  let cost = 0
  let costBack = 0
  for (const other of leaving.models) {
    cost = Math.max(cost, switchCost(snapshot, other, model))
    costBack = Math.max(costBack, switchCost(snapshot, model, other))
  }
  return { model, leaving, cost, costBack }
}

function wake ({ model, leaving }: Move, freezeAt: number | undefined): Decision {
  return { wake: model.id, evict: leaving.models.map(({ id }) => id), freezeAt, lookAgainAt: undefined }
}
