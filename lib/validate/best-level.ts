import type { SleepLevel } from '../options/types.ts'
import { roundTrip } from './judge.ts'
import type { LevelReport, Verdict } from './types.ts'

const order: Verdict[] = ['safe', 'slow', 'broken']

export function worst (verdicts: Verdict[]): Verdict {
  return order.findLast(verdict => verdicts.includes(verdict)) ?? 'safe'
}

/** Of the levels that are safe the one whose switches are the quickest; of equals the first. Undefined if none is safe. */
export function bestLevel (levels: LevelReport[]): SleepLevel | undefined {
  const safe = levels.filter(({ verdict }) => verdict === 'safe')
  return safe.toSorted((a, b) => roundTrip(a) - roundTrip(b))[0]?.level
}
