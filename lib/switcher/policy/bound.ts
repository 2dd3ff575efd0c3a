import type { ResolvedPolicy } from '../../options/types.ts'
import { highestPriority, priorityStep } from '../queue.ts'
import { largest } from './moves.ts'
import { switchCost } from './policy.ts'
import type { Policy, Snapshot } from './policy.ts'

export interface BoundOptions {
  policy: ResolvedPolicy | Policy
  /** Whether requests have priorities. */
  priorities: boolean
}

/**
 * The longest wait of a request in milliseconds, if engines work and admit the whole queue of a model at once: M* + (T + C*)
 * + (N − 1)(4·C* + T), with stars for maxima, plus the time by which others may overtake by priority. T is the drain limit
 * of models that cannot be frozen; for others, the time until the policy has their requests frozen, which no answer
 * prolongs. Undefined for an unknown policy.
 */
export function longestWait ({ policy, priorities }: BoundOptions, snapshot: Omit<Snapshot, 'now'>): number | undefined {
  if (typeof policy === 'function') return undefined
  const { models } = snapshot
  const cost = largest(models, from => largest(models, to => from === to ? 0 : switchCost(snapshot, from, to)))
  const drain = largest(models, model => Math.min(model.limits.drain, model.freezes ? freezeTime(policy, cost) : Infinity))
  const overtaking = priorities ? 2 * highestPriority * priorityStep : 0
  // All other models may come first, each with its drain, its switch and the time it may stay.
  const turn = drain + cost + Math.max(3 * cost, minActive(policy))
  return overtaking + patience(policy, cost, largest(models, model => model.serviceTime)) + drain + cost + (models.length - 1) * turn
}

/** The time after which a request is overdue: M*. */
function patience (policy: ResolvedPolicy, cost: number, serviceTime: number): number {
  if (policy.type === 'fifo') return policy.minActive
  return policy.type === 'even-handed' ? Math.max(policy.maxWait, 6 * (cost + serviceTime)) : policy.maxWait
}

/** Time from a decision until requests are frozen. Some policies freeze only at the drain limit. */
function freezeTime ({ type }: ResolvedPolicy, cost: number): number {
  if (type === 'even-handed') return 0
  return type === 'simple' ? cost : Infinity
}

function minActive (policy: ResolvedPolicy): number {
  return policy.type === 'fifo' ? policy.minActive : 0
}
