import type { Decision, ModelView, Snapshot } from '../../options/policy-types.ts'

// The types are with the options, because a policy may be given as one.
export type * from '../../options/policy-types.ts'

export const stay = (lookAgainAt?: number): Decision => ({ wake: undefined, evict: [], lookAgainAt })

/** Milliseconds to put `from` to sleep and bring `to` up, as far as known; 10 000 before the first measurement. */
export function switchCost ({ costs }: Pick<Snapshot, 'costs'>, from: Pick<ModelView, 'id'> & Partial<Pick<ModelView, 'firstSleep'>>, to: Pick<ModelView, 'id' | 'cold'>): number {
  return ((to.cold ? costs.starts[to.id] : costs.wakes[from.id]?.[to.id]) ?? costs.initial) + (from.firstSleep ?? 0)
}
