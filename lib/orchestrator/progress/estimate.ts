import type { StartStage } from '../../events.ts'
import type { StageSign } from '../../engines/index.ts'

/** The stages of a start, in the order in which they come. */
export const stages: readonly StartStage[] = ['launching', 'initializing', 'loading', 'compiling', 'profiling', 'capturing', 'listening']

/** How one start went: when each stage began, and how long all took. Milliseconds since the process was started. */
export interface StartCourse {
  begins: ReadonlyMap<StartStage, number>
  took: number
}

/** How far into a start of that course a sign lies. Milliseconds. Undefined if it had no such stage. */
function position ({ begins, took }: StartCourse, { stage, done = 0, total = 1 }: StageSign): number | undefined {
  const begin = begins.get(stage)
  if (begin === undefined) return undefined
  const end = stages.slice(stages.indexOf(stage) + 1).map(later => begins.get(later)).find(time => time !== undefined) ?? took
  return begin + (end - begin) * Math.min(1, done / total)
}

/** What is left of a start at a sign, if it goes on as an earlier one did. Milliseconds; undefined if there is nothing to go by. */
export function estimate (course: StartCourse | undefined, sign: StageSign): number | undefined {
  const at = course && position(course, sign)
  return at === undefined ? undefined : course!.took - at
}
