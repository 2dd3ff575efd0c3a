import type { SimpleOptions } from '../../options/types.ts'
import { decide, possibleMoves } from './moves.ts'
import type { Policy } from './policy.ts'

/**
 * Leave when the awake model is idle, or many more requests wait than it serves; in any case when a request is overdue. The
 * longest queue comes first. Requests in flight may run for as long as the switch takes: freezing them costs no less.
 */
export function simple ({ perRequest, perSecond, maxWait }: Required<SimpleOptions>): Policy {
  return snapshot => decide(snapshot, possibleMoves(snapshot, maxWait), {
    overdueAt: ({ model }) => model.oldest! + maxWait,
    dueAt: ({ model, leaving: { inFlight }, cost }) => {
      const many = perRequest * inFlight + perSecond * cost / 1_000
      return inFlight === 0 || model.waiting > many ? snapshot.now : Infinity
    },
    score: ({ model }) => model.waiting,
    freezeAt: ({ cost }) => snapshot.now + cost
  })
}
