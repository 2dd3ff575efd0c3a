import type { SleepLevel } from '../options/index.ts'

export interface AcquireOptions {
  /** Gives up waiting. The promise rejects with the signal's reason. */
  signal?: AbortSignal
  /** What the waiting request holds in memory, in bytes, for `maxQueueBytes`. Default 0. */
  bytes?: number
  /** From -5 to 5, higher goes first; each step counts as 5 s of waiting. Default 0. */
  priority?: number
  /** Whether the model may be woken for it; if not, it waits at most `timeouts.passive` for it to be awake anyway. Default true. */
  mayCauseSwitch?: boolean
  /**
   * Whether its engine may be put to sleep while it is held, and go on after the wake with what it was working on. `false`:
   * whoever wants the GPU waits for it to be released, up to `timeouts.drain`; then it is taken away. Default true.
   */
  freezable?: boolean
  /** The id of the request that it is for (`request.id`), told in events and logs. */
  request?: string
}

export interface OrderOptions {
  /** The id of the request by which it is asked for (`request.id`), told in events and logs. */
  request?: string
}

export interface SleepOptions extends OrderOptions {
  /** Default: the model's own. */
  level?: SleepLevel
}
