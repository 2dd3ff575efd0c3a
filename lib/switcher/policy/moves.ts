import { shareGpu } from '../placement.ts'
import { Leavings } from './leaving.ts'
import type { Leaving } from './leaving.ts'
import { stay, switchCost } from './policy.ts'
import type { Decision, ModelView, Snapshot } from './policy.ts'

/** One model that could be woken now, and who would have to go. */
export interface Move {
  model: ModelView
  leaving: Leaving
  /** Milliseconds in which nobody is served, as far as it is known. */
  cost: number
  /** What the way back costs. */
  costBack: number
}

/** What makes a policy one: when it may leave, and for whom. All times are milliseconds since the epoch. */
export interface Rules {
  /** From when on it goes before all that are not overdue, unless something else happens until then. */
  overdueAt: (move: Move) => number
  /** From when on one may leave for it. Infinity: not before something else happens. */
  dueAt: (move: Move) => number
  /** The largest goes first of those that are due. */
  score: (move: Move) => number
  /** From when on requests in flight are frozen if one leaves for it now; undefined: at the drain's limit. */
  freezeAt?: (move: Move) => number | undefined
}

/** Wakes whoever finds room; leaves for those who are overdue, oldest first; then for the best of those that are due. */
export function decide ({ now }: Snapshot, moves: readonly Move[], { overdueAt, dueAt, score, freezeAt = () => undefined }: Rules): Decision {
  let best: Move | undefined
  let highest = -Infinity
  let lookAgainAt = Infinity
  for (const move of moves) {
    const { leaving } = move
    const overdue = leaving.models.length === 0 ? now : Math.min(overdueAt(move), lastCall(move, now))
    if (overdue <= now) return wake(move, freezeAt(move))
    // A drain that has begun is brought to its end, for whoever is the best when it ends.
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

/** What a switch may take longer than it usually does, so that those for whom it is made are still there. Milliseconds. */
const leeway = 1_000

/**
 * When leaving for it just suffices for the first whose queue limit ends. `Infinity` once a switch does not fit any more
 * into what is left, and while the awake models have not even had as long as the switch takes.
 */
function lastCall ({ model, leaving, cost }: Move, now: number): number {
  if (model.deadline === undefined) return Infinity
  const drain = leaving.freezes ? 0 : largest(leaving.models, ({ inFlight, drainTime, limits }) => inFlight === 0 ? 0 : Math.min(drainTime, limits.drain))
  const latest = model.deadline - cost - drain
  return latest < now ? Infinity : Math.max(latest - leeway - (cost + drain) / 2, leaving.awakeSince + cost)
}

/**
 * The moves that are possible now: those for which there is room first, then by how long they have been waited for. A
 * model that has been waited for longer than `patience` and cannot be moved now keeps its GPUs from those that came
 * later: it may need more of them than others do, and must not wait until they are free at once by chance.
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

/** The models that somebody waits for, the longest wait first. */
export function inLine (models: readonly ModelView[]): ModelView[] {
  return models
    .filter(model => model.waiting > 0)
    .sort((a, b) => a.oldest! - b.oldest!)
}

/** The largest of some values that are not below nought; nought if there is none. */
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
