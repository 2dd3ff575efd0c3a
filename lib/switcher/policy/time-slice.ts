import type { TimeSliceOptions } from '../../options/types.ts'
import { decide, possibleMoves } from './moves.ts'
import type { Move } from './moves.ts'
import type { Policy } from './policy.ts'

/** Stay until the awake model has nothing to do, then leave for the longest queue; leave at once when a request is overdue. */
export function timeSlice ({ minQuantum, maxWait }: Required<TimeSliceOptions>): Policy {
  return snapshot => decide(snapshot, possibleMoves(snapshot, maxWait), {
    overdueAt: ({ model }) => model.oldest! + maxWait,
    dueAt: move => isIdle(move) ? move.leaving.awakeSince + minQuantum : Infinity,
    score: ({ model }) => model.waiting
  })
}

function isIdle ({ leaving }: Move): boolean {
  return leaving.models.every(model => model.inFlight === 0 && model.waiting === 0)
}
