import type { Decision, ModelView, Snapshot } from '../../options/policy-types.ts'

// The types lie with the options: a policy may be one of them.
export type * from '../../options/policy-types.ts'

export const stay = (lookAgainAt?: number): Decision => ({ wake: undefined, evict: [], lookAgainAt })

/** Milliseconds that it takes to put `from` to sleep and bring `to` up, as far as it is known; the first value is 10 000. */
export function switchCost ({ costs }: Pick<Snapshot, 'costs'>, from: Pick<ModelView, 'id'>, to: Pick<ModelView, 'id' | 'cold'>): number {
  return (to.cold ? costs.starts[to.id] : costs.wakes[from.id]?.[to.id]) ?? costs.initial
}
