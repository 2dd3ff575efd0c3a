import type { SleepLevel } from '../options/types.ts'
import { mebibytes, percent, quoted, seconds } from './words.ts'
import type { GpuFigures, Trial, Verdict, LevelReport } from './types.ts'

export interface Judgement {
  verdict: Verdict
  why: string
  notChecked: string[]
}

/** What differs from look to look on a GPU that others use too, or is not worth a word. Bytes. */
const tolerance = 64 * 1024 ** 2

const most = (values: number[]): number => Math.max(...values)

export function median (values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const medianOf = ({ cycles }: Trial, phase: string): number => median(cycles.map(({ phases }) => phases[phase] ?? 0))

/** Milliseconds that a switch away and back takes. */
export const roundTrip = (trial: Trial): number => medianOf(trial, 'sleep') + medianOf(trial, 'wake')

/** How much may be in use while it sleeps: at level 3 what was before, at the others the rest of the share that must be freed. Bytes. */
export function targetUse ({ before, awake }: GpuFigures, level: SleepLevel, share: number): number {
  return level === 3 ? before + tolerance : awake - share * (awake - before)
}

/** The least that any sleep has freed of what the model took: 1 is all. */
export function freedShare ({ before, awake, asleep }: GpuFigures): number {
  return (awake - most(asleep)) / (awake - before)
}

/** One sign over and over: what an engine without weights generates. */
function isGarbage (answer: string): boolean {
  return new Set(answer.replaceAll(/\s/g, '')).size < 3
}

function failed ({ failure }: Trial): string | undefined {
  if (failure === undefined) return undefined
  const { phase, cycle, message } = failure
  const when: Record<string, string> = {
    start: 'it does not start',
    sleep: `it does not go to sleep (cycle ${cycle})`,
    wake: `it does not wake (cycle ${cycle})`,
    answer: cycle === 0 ? 'it does not answer after its start' : `it does not answer after waking (cycle ${cycle})`,
    stop: 'it cannot be stopped'
  }
  return `${when[phase] ?? `it failed at ${phase}`}: ${message}`
}

function wrongAnswer ({ level, answer = '', cycles }: Trial): string | undefined {
  if (isGarbage(answer)) return `its answers are garbage from the start, before any sleep: ${quoted(answer)}`
  const index = cycles.findIndex(cycle => cycle.answer !== answer)
  if (index === -1) return undefined
  const instead = cycles[index]!.answer
  const kind = isGarbage(instead) ? 'it answers garbage' : 'it does not answer the same'
  return `${kind} after waking (cycle ${index + 1}): ${quoted(instead)} instead of ${quoted(answer)}${level === 2 ? '. The weights are not what they were' : ''}`
}

function heldMemory ({ level, gpu }: Trial, share: number): string | undefined {
  if (gpu === undefined || gpu.asleep.length === 0 || !isMeasurable(gpu)) return undefined
  if (most(gpu.asleep) <= targetUse(gpu, level, share)) return undefined
  const { before, awake } = gpu
  const kept = most(gpu.asleep) - before
  const wanted = level === 3 ? 'all of it must be free' : `at least ${percent(share)} are wanted`
  return `it frees only ${percent(freedShare(gpu))} of the ${mebibytes(awake - before)} that it took, and keeps ${mebibytes(kept)} while ${level === 3 ? 'stopped' : 'asleep'}: ${wanted}, or the next model does not fit`
}

/** From the first cycle on: what a first wake adds once is no leak. */
function leaked ({ gpu }: Trial): string | undefined {
  if (gpu === undefined) return undefined
  for (const [name, values] of [['asleep', gpu.asleep], ['awake', gpu.woken]] as const) {
    const growth = (values.at(-1) ?? 0) - (values[0] ?? 0)
    if (growth > tolerance) return `it leaks GPU memory: ${mebibytes(growth)} more ${name} in cycle ${values.length} than in cycle 1`
  }
  if (gpu.after !== undefined && gpu.after > gpu.before + tolerance) return `${mebibytes(gpu.after - gpu.before)} of GPU memory are still in use after its end`
  return undefined
}

const isMeasurable = ({ before, awake }: GpuFigures): boolean => awake - before > tolerance

function unchecked ({ gpu, gpuUnknown, host, level, cycles }: Trial): string[] {
  const memory = gpu === undefined
    ? [`GPU memory: ${gpuUnknown ?? 'it could not be read'}`]
    : isMeasurable(gpu) ? [] : ['GPU memory: the model took none that could be seen']
  return [
    ...memory,
    ...(memory.length === 0 && cycles.length === 1 ? ['leaks: that takes at least 2 cycles'] : []),
    ...(level === 1 && host === undefined ? ['host memory: /proc does not tell'] : [])
  ]
}

/** What is to be thought of a level, and why. The gravest finding counts. */
export function judge (trial: Trial, share: number): Judgement {
  const broken = failed(trial) ?? wrongAnswer(trial) ?? heldMemory(trial, share) ?? leaked(trial)
  const notChecked = trial.failure?.phase === 'start' ? [] : unchecked(trial)
  if (broken !== undefined) return { verdict: 'broken', why: broken, notChecked }
  const start = trial.phases['start'] ?? 0
  const trip = roundTrip(trial)
  if (trial.level !== 3 && trip >= start) {
    return { verdict: 'slow', why: `it works, but to sleep and to wake takes ${seconds(trip)}, and a start ${seconds(start)}: level 3 is as quick`, notChecked }
  }
  return { verdict: 'safe', why: praise(trial), notChecked }
}

function praise ({ level, cycles, gpu }: Trial): string {
  const freed = gpu !== undefined && isMeasurable(gpu) ? `, and frees ${percent(freedShare(gpu))} of its GPU memory` : ''
  return `it ${level === 3 ? 'starts again' : 'wakes'} with the same answer, ${cycles.length} of ${cycles.length} times${freed}`
}

const order: Verdict[] = ['safe', 'slow', 'broken']

export function worst (verdicts: Verdict[]): Verdict {
  return order.findLast(verdict => verdicts.includes(verdict)) ?? 'safe'
}

/** Of the levels that are safe the one whose switches are the quickest; of equals the first. Undefined if none is safe. */
export function bestLevel (levels: LevelReport[]): SleepLevel | undefined {
  const safe = levels.filter(({ verdict }) => verdict === 'safe')
  return safe.toSorted((a, b) => roundTrip(a) - roundTrip(b))[0]?.level
}
