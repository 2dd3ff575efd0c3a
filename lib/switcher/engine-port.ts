import type { WakeSteps } from '../events.ts'
import type { SleepLevel } from '../options/types.ts'

/** Called once when what was asked for is done, or with the reason why it is not. `steps`: what bringing it up consisted of. */
export type Done = (error?: Error, steps?: WakeSteps) => void

/** How something is to be done, and for whom. */
export interface EngineErrand {
  /** Also in the pause after starts that failed. */
  force?: boolean | undefined
  /** The id of the host's request that it is for. */
  request?: string | undefined
}

/** How a model is put to sleep, and for whom. */
export interface SleepErrand extends EngineErrand {
  /** Requests in flight, which the engine is to keep, and to go on with when it is woken. Default 0: nothing is in flight. */
  frozen?: number | undefined
}

/** What the switcher asks of the floor below. A simulator answers in its place. */
export interface EnginePort {
  /**
   * Whether the model could be brought up, as far as it can be known before anybody goes to sleep for it. After starts
   * that failed the answer is no for a while; `force`: it is to be tried all the same.
   */
  prepare (id: string, done: Done, errand?: EngineErrand): void
  /** Start or wake. */
  wake (id: string, done: Done, errand?: EngineErrand): void
  /** Put to sleep, at the model's own level if none is named. An error means that the GPU is still held. */
  sleep (id: string, level: SleepLevel | undefined, done: Done, errand?: SleepErrand): void
  /** Whether it can be put to sleep with requests in flight: it runs, and knows how to keep them. */
  freezes (id: string): boolean
  /** Whether its next time awake begins with a start: it does not run, or is awake and would be stopped rather than put to sleep. */
  cold (id: string): boolean
  /** Whether it holds its GPU although it was to go: processes that cannot be ended. */
  blocked (id: string): boolean
}
