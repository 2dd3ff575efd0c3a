import type { SleepLevel } from '../options/index.ts'

export interface AcquireOptions {
  /** Gives up waiting. The promise rejects with the signal's reason. */
  signal?: AbortSignal
  /** Memory that the waiting request holds, in bytes, for `maxQueueBytes`. Default 0. */
  bytes?: number
  /** From -5 to 5, higher first; each step counts as 5 s of waiting. Default 0. */
  priority?: number
  /**
   * Whether the model may be woken for it; if not, it waits at most `timeouts.passive` for the model to be awake anyway.
   * Default true.
   */
  mayCauseSwitch?: boolean
  /**
   * Whether the engine may go to sleep while the lease is held, and continue its work after the wake. `false`: other models
   * wait for the release, up to `timeouts.drain`; then the lease is taken away. Default true.
   */
  freezable?: boolean
  /** The id of the request (`request.id`) that the lease is for, for events and logs. */
  request?: string
}

export interface OrderOptions {
  /** The id of the request (`request.id`) that gave the order, for events and logs. */
  request?: string
}

export interface SleepOptions extends OrderOptions {
  /** Default: the model's own. */
  level?: SleepLevel
}
