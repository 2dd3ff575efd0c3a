import { mustGo, shareGpu } from '../placement.ts'
import { stay, switchCost } from './policy.ts'
import type { Decision, ModelView, Snapshot } from './policy.ts'

/** One model that could be woken now, and who would have to go. */
export interface Move {
  model: ModelView
  /** Empty where there is room. */
  evict: readonly ModelView[]
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
}

/** Wakes whoever finds room; leaves for those who are overdue, oldest first; then for the best of those that are due. */
export function decide (snapshot: Snapshot, moves: readonly Move[], { overdueAt, dueAt, score }: Rules): Decision {
  const { now } = snapshot
  let best: Move | undefined
  let lookAgainAt = Infinity
  for (const move of moves) {
    if (move.evict.length === 0 || overdueAt(move) <= now) return wake(move)
    // A drain that has begun is brought to its end, for whoever is the best when it ends.
    const due = move.evict.some(model => model.draining) ? now : dueAt(move)
    if (due > now) lookAgainAt = Math.min(lookAgainAt, due, overdueAt(move))
    else if (best === undefined || score(move) > score(best)) best = move
  }
  return best === undefined ? stay(lookAgainAt === Infinity ? undefined : lookAgainAt) : wake(best)
}

/**
 * The moves that are possible now: those for which there is room first, then by how long they have been waited for. A
 * model that has been waited for longer than `patience` and cannot be moved now keeps its GPUs from those that came
 * later: it may need more of them than others do, and must not wait until they are free at once by chance.
 */
export function possibleMoves (snapshot: Snapshot, patience: number): Move[] {
  const { now, models } = snapshot
  const onGpu = models.filter(model => model.onGpu)
  const kept: ModelView[] = []
  const moves: Move[] = []
  for (const model of inLine(models)) {
    if (model.awakeSince !== undefined) continue
    const move = model.held || kept.some(other => shareGpu(other, model)) ? undefined : moveTo(snapshot, model, onGpu)
    if (move !== undefined) moves.push(move)
    else if (now - model.oldest! >= patience) kept.push(model)
  }
  return [...moves.filter(({ evict }) => evict.length === 0), ...moves.filter(({ evict }) => evict.length > 0)]
}

/** The models that somebody waits for, the longest wait first. */
export function inLine (models: readonly ModelView[]): ModelView[] {
  return models
    .filter(model => model.waiting > 0)
    .sort((a, b) => a.oldest! - b.oldest!)
}

/** How many requests those have that would have to go. */
export function inFlight ({ evict }: Move): number {
  return evict.reduce((sum, model) => sum + model.inFlight, 0)
}

/** When the last of them woke. */
export function awakeSince ({ evict }: Move): number {
  return Math.max(...evict.map(model => model.awakeSince!))
}

function moveTo (snapshot: Snapshot, model: ModelView, onGpu: readonly ModelView[]): Move | undefined {
  const ids = mustGo(model, onGpu)
  if (ids === undefined) return undefined
  const evict = onGpu.filter(({ id }) => ids.includes(id))
  const costs = evict.map(other => switchCost(snapshot, other, model))
  const costsBack = evict.map(other => switchCost(snapshot, model, other))
  return { model, evict, cost: Math.max(0, ...costs), costBack: Math.max(0, ...costsBack) }
}

function wake ({ model, evict }: Move): Decision {
  return { wake: model.id, evict: evict.map(({ id }) => id), lookAgainAt: undefined }
}
