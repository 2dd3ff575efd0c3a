import type { SleepLevel } from '../options/types.ts'

/** Called once when what was asked for is done, or with the reason why it is not. */
export type Done = (error?: Error) => void

/** What the switcher asks of the floor below. A simulator answers in its place. */
export interface EnginePort {
  /**
   * Whether the model could be brought up, as far as it can be known before anybody goes to sleep for it. After starts
   * that failed the answer is no for a while; `force`: it is to be tried all the same.
   */
  prepare (id: string, done: Done, force?: boolean): void
  /** Start or wake. */
  wake (id: string, done: Done, force?: boolean): void
  /** Put to sleep, at the model's own level if none is named. An error means that the GPU is still held. */
  sleep (id: string, level: SleepLevel | undefined, done: Done): void
  /** Whether its next time awake begins with a start: it does not run, or is awake and would be stopped rather than put to sleep. */
  cold (id: string): boolean
  /** Whether it holds its GPU although it was to go: processes that cannot be ended. */
  blocked (id: string): boolean
}
