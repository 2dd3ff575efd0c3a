/** One model as a policy sees it. */
export interface ModelView {
  id: string
  /** Milliseconds since the epoch since when it is awake; undefined while it is not. */
  awakeSince: number | undefined
  /** Requests it is working on. */
  inFlight: number
  /** Requests that wait for it. */
  waiting: number
  /** When the oldest of them came, in milliseconds since the epoch; undefined if none waits. */
  oldest: number | undefined
  /** The GPUs it needs while awake. */
  gpus: readonly number[]
  /** The share of each of them: above 0, at most 1. */
  gpuShare: number
  /** It takes its share now: awake, on its way up or down, or with processes that cannot be ended. */
  onGpu: boolean
  /** It cannot be moved now: a transition holds one of its GPUs, or its processes cannot be ended. */
  held: boolean
}

/** All that a policy may go by. */
export interface Snapshot {
  /** Milliseconds since the epoch. */
  now: number
  models: readonly ModelView[]
}

/** What to do next. */
export interface Decision {
  /** Whom to wake: a model that is not awake and has waiters. Undefined: stay as it is. */
  wake: string | undefined
  /** Who must go for it: enough of the awake models for the new one to fit. */
  evict: readonly string[]
  /** When to ask again even if nothing happens, in milliseconds since the epoch. */
  lookAgainAt: number | undefined
}

/** Decides when to switch and to whom. Pure: the answer depends on the snapshot alone, and no state is kept. */
export type Policy = (snapshot: Snapshot) => Decision

export const stay = (lookAgainAt?: number): Decision => ({ wake: undefined, evict: [], lookAgainAt })
