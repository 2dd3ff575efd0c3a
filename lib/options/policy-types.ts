/** A waiting request, as a policy sees it. */
export interface WaiterView {
  /** When it arrived, in milliseconds since the epoch. */
  readonly since: number
  /** From -5 to 5; 0 for all requests unless priorities are enabled. */
  readonly priority: number
}

/** One model, as a policy sees it. Waiters are requests that may cause a switch, unless a comment says otherwise. */
export interface ModelView {
  id: string
  /** Since when it is awake, in milliseconds since the epoch; undefined while it is not. */
  awakeSince: number | undefined
  /** Requests in flight. */
  inFlight: number
  /** Requests that may be in flight at once: K. */
  maxConcurrency: number
  /** Waiting requests: in its queue, or frozen. */
  waiting: number
  /** Frozen requests among them: its engine went to sleep while they were in flight. */
  frozen: number
  /** Since when, in milliseconds since the epoch; undefined if none is frozen. */
  frozenSince: number | undefined
  /** Waiting requests that may not cause a switch. */
  passive: number
  /**
   * When the first waiter arrived, as its priority counts, or was frozen, in milliseconds since the epoch; undefined if none
   * waits.
   */
  oldest: number | undefined
  /** When the first queue limit ends (`timeouts.queue`), in milliseconds since the epoch; undefined if the queue is empty. */
  deadline: number | undefined
  /** Total waiting time until now, in milliseconds, as priorities count. */
  age: number
  /**
   * The requests in its queue, in no particular order. Iterate during the call only: it is the queue itself, which changes.
   * In a snapshot written as JSON it is an array.
   */
  queue: Iterable<WaiterView>
  /** Average number of waiting requests over the last 300 s. */
  averageWaiting: number
  /** Average milliseconds of a request in its engine; 4 000 before the first. */
  serviceTime: number
  /**
   * Milliseconds for which it still owes work to requests that have waited long, were frozen for long, or are long, before they
   * may be frozen. 0 if there is none.
   */
  owed: number
  /** The highest priority of its waiting, frozen and running requests; undefined if there are none. */
  priority: number | undefined
  /** Requests in flight that are expected to finish per millisecond. */
  departureRate: number
  /** Average milliseconds of a drain; 4 000 before the first. */
  drainTime: number
  /** Average milliseconds from the wake until the requests continue, for each frozen request; 30 before the first. */
  thawTime: number
  /**
   * Milliseconds that putting it to sleep takes beside what switches from it have cost: the first sleep of its processes, in
   * which host memory is pinned, is many times as long as a later one. 0 after that, and until one has been seen.
   */
  firstSleep: number
  /** Requests for it per millisecond, over the last minute. */
  arrivalRate: number
  /** Whether a decision may put it to sleep with requests in flight, which continue after the wake. */
  freezes: boolean
  /** Whether it needs a start to become awake: it does not run, or is stopped rather than put to sleep. */
  cold: boolean
  /** Whether it is about to make room, and admits no new requests until its present ones are done. */
  draining: boolean
  /** The limits that waiting and draining have, in milliseconds. */
  limits: Readonly<{ queue: number, drain: number }>
  /** The GPUs it needs while awake. */
  gpus: readonly number[]
  /** Its share of each of them: above 0, at most 1. */
  gpuShare: number
  /** Whether it takes its share now: awake, on its way up or down, or with processes that cannot be stopped. */
  onGpu: boolean
  /** Whether it cannot be moved now: a transition holds one of its GPUs, or its processes cannot be stopped. */
  held: boolean
}

/** Milliseconds without service while the GPU changes from one model to another. */
export interface KnownCosts {
  /** The value before the first measurement. */
  readonly initial: number
  /** Costs of wakes: by the model that makes room, then by the one that becomes awake. */
  readonly wakes: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Costs of starts, whichever model made room. */
  readonly starts: Readonly<Record<string, number>>
}

/**
 * Everything that a policy may use. After `JSON.stringify` and `JSON.parse` it leads to the same decision: undefined values
 * are left out, and read as undefined.
 */
export interface Snapshot {
  /** Milliseconds since the epoch. */
  now: number
  models: readonly ModelView[]
  /** Measured costs of switches; see `switchCost`. */
  costs: KnownCosts
}

/** What to do next. */
export interface Decision {
  /** The model to wake: one that is not awake and has waiters. Undefined: no change. */
  wake: string | undefined
  /** The models that make room: enough of the awake ones for the new one to fit. */
  evict: readonly string[]
  /**
   * When to freeze the requests of the models that make room, in milliseconds since the epoch, if they can be frozen.
   * Default: at the end of `timeouts.drain`.
   */
  freezeAt?: number | undefined
  /** When to ask again even if nothing happens, in milliseconds since the epoch. */
  lookAgainAt: number | undefined
}

/** Decides when to switch, and to which model. Pure: the answer depends on the snapshot only, and a policy keeps no state. */
export type Policy = (snapshot: Snapshot) => Decision
