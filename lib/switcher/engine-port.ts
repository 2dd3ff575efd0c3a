import type { WakeSteps } from '../events.ts'
import type { SleepLevel } from '../options/types.ts'

/** Called once, when the order is done or has failed. `steps`: the steps of bringing the engine up. */
export type Done = (error?: Error, steps?: WakeSteps) => void

/** Options of an order. */
export interface EngineErrand {
  /** Also during the pause after failed starts. */
  force?: boolean | undefined
  /** The id of the request (`request.id`) that the order is for. */
  request?: string | undefined
}

/** Options of putting a model to sleep. */
export interface SleepErrand extends EngineErrand {
  /** Requests in flight, which the engine keeps and continues after the wake. Default 0: none is in flight. */
  frozen?: number | undefined
}

/** What the switcher asks of the lower floor. A simulator implements it too. */
export interface EnginePort {
  /**
   * Whether the model could be brought up, as far as this is known before any model goes to sleep for it. After failed
   * starts the answer is no for a while; `force`: try anyway.
   */
  prepare (id: string, done: Done, errand?: EngineErrand): void
  /** Start or wake. */
  wake (id: string, done: Done, errand?: EngineErrand): void
  /** Puts to sleep, at the model's own level by default. An error means that the GPU is still held. */
  sleep (id: string, level: SleepLevel | undefined, done: Done, errand?: SleepErrand): void
  /** Whether it can go to sleep with requests in flight: it runs, and its engine can keep them. */
  freezes (id: string): boolean
  /** Whether it needs a start to become awake: it does not run, or would be stopped rather than put to sleep. */
  cold (id: string): boolean
  /** Whether its next sleep at its own level is the first of its processes, in which host memory is pinned: that takes many times as long. */
  pins (id: string): boolean
  /** Whether it has processes, or is about to. */
  runs (id: string): boolean
  /** Whether it still holds its GPU after an order to leave: its processes cannot be stopped. */
  blocked (id: string): boolean
}
