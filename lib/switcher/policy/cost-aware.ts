import type { CostAwareOptions } from '../../options/types.ts'
import { decide, possibleMoves } from './moves.ts'
import type { Policy } from './policy.ts'

/**
 * Serve at least as long as the switch will take. Then leave when enough requests wait for what it costs, or the first of
 * them has waited for the window; in any case when a request is overdue. The longest queue comes first.
 */
export function costAware ({ amortizationFactor, coalesceWindow, maxWait }: Required<CostAwareOptions>): Policy {
  return snapshot => decide(snapshot, possibleMoves(snapshot, maxWait), {
    overdueAt: ({ model }) => model.oldest! + maxWait,
    dueAt: ({ model, leaving, cost }) => {
      const enough = model.waiting >= Math.ceil(amortizationFactor * cost / 1_000)
      return Math.max(leaving.awakeSince + cost, enough ? snapshot.now : model.oldest! + coalesceWindow)
    },
    score: ({ model }) => model.waiting
  })
}
