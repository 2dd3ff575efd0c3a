import type { SleepLevel } from '../options/types.ts'

/** `slow`: it works, but stopping and starting would not take longer. */
export type Verdict = 'safe' | 'slow' | 'broken'

/** Bytes of the model's GPUs that are in use, by whomever. */
export interface GpuFigures {
  /** Before the start. */
  before: number
  /** With the model awake, before it ever slept. */
  awake: number
  /** In each sleep. */
  asleep: number[]
  /** After each wake. */
  woken: number[]
  /** After the processes' end. */
  after?: number
}

/** Bytes of host memory of the engine's processes, as far as /proc tells. */
export interface HostFigures {
  awake: number
  asleep: number[]
}

export interface Cycle {
  /** Milliseconds of each phase: `sleep`, `memory` (until the GPU memory is seen back), `wake`, and within it `reload` and others, `answer`. */
  phases: Record<string, number>
  answer: string
}

export interface Failure {
  /** What was being done: `start`, `sleep`, `wake`, `answer` or `stop`. */
  phase: string
  /** From 1; 0 is before the first sleep. */
  cycle: number
  message: string
  /** What the engine wrote last, if it died. */
  lastLines?: string[]
}

/**
 * `equal`: a frozen answer had the same text as an undisturbed one; `differs`: it was complete, with another text; `broken`:
 * it was not, or the engine failed; `not tried`: `why` says what prevented it.
 */
export type FreezeVerdict = 'equal' | 'differs' | 'broken' | 'not tried'

export interface FreezeReport {
  verdict: FreezeVerdict
  why: string
}

/** What was seen of one model at one level. */
export interface Trial {
  level: SleepLevel
  /** Milliseconds of `start` and of the first `answer`. */
  phases: Record<string, number>
  answer?: string
  cycles: Cycle[]
  gpu?: GpuFigures
  /** Why GPU memory was not looked at. */
  gpuUnknown?: string
  host?: HostFigures
  /** Whether an answer survives a freeze; missing if the level failed before. */
  freeze?: FreezeReport
  failure?: Failure
  /** What else the engine's keeper warned of. */
  warnings: string[]
}

export interface LevelReport extends Trial {
  verdict: Verdict
  /** One sentence of advice. */
  why: string
  /** What could not be checked, and why: never counted as passed. */
  notChecked: string[]
}

export interface ModelReport {
  model: string
  levels: LevelReport[]
  /** The level to choose: the fastest safe one; undefined if none is safe. */
  best: SleepLevel | undefined
}

export interface ValidationReport {
  /** ISO 8601. */
  time: string
  cycles: number
  /** Of the GPU memory that a model took, what must be freed at levels 1 and 2: from 0 to 1. */
  share: number
  verdict: Verdict
  models: ModelReport[]
}
