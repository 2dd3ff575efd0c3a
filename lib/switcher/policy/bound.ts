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
 * Milliseconds that no request waits longer than while engines work and take the whole queue of a model at once:
 * M* + (T + C*) + (N − 1)(4·C* + T), with stars for maxima, and on top of it what others may overtake by priority. T is the
 * drain limit of those that cannot be frozen; of those that can, the time until the policy has them frozen, which contains
 * no answer. Undefined for a policy of which nothing is known.
 */
export function longestWait ({ policy, priorities }: BoundOptions, snapshot: Omit<Snapshot, 'now'>): number | undefined {
  if (typeof policy === 'function') return undefined
  const { models } = snapshot
  const cost = largest(models, from => largest(models, to => from === to ? 0 : switchCost(snapshot, from, to)))
  const drain = largest(models, model => Math.min(model.limits.drain, model.freezes ? freezeTime(policy, cost) : Infinity))
  const overtaking = priorities ? 2 * highestPriority * priorityStep : 0
  // The others may all go first, each with its drain, its switch and the time it may stay.
  const turn = drain + cost + Math.max(3 * cost, minActive(policy))
  return overtaking + patience(policy, cost, largest(models, model => model.serviceTime)) + drain + cost + (models.length - 1) * turn
}

/** After how long a request goes first: M*. */
function patience (policy: ResolvedPolicy, cost: number, serviceTime: number): number {
  if (policy.type === 'fifo') return policy.minActive
  return policy.type === 'even-handed' ? Math.max(policy.maxWait, 6 * (cost + serviceTime)) : policy.maxWait
}

/** How long after a decision those who go are frozen. Some never have them frozen before the drain limit. */
function freezeTime ({ type }: ResolvedPolicy, cost: number): number {
  if (type === 'even-handed') return 0
  return type === 'simple' ? cost : Infinity
}

function minActive (policy: ResolvedPolicy): number {
  return policy.type === 'fifo' ? policy.minActive : 0
}
