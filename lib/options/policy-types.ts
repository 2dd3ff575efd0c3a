/** One who waits, as a policy sees it. */
export interface WaiterView {
  /** When it came, in milliseconds since the epoch. */
  readonly since: number
  /** From -5 to 5; 0 for all unless priorities are switched on. */
  readonly priority: number
}

/** One model as a policy sees it. Waiters are those who may cause a switch, unless it says otherwise. */
export interface ModelView {
  id: string
  /** Milliseconds since the epoch since when it is awake; undefined while it is not. */
  awakeSince: number | undefined
  /** Requests it is working on. */
  inFlight: number
  /** Requests it can work on at once: K. */
  maxConcurrency: number
  /** Requests that wait for it: those in its queue, and those that are frozen. */
  waiting: number
  /** Those of them that are frozen: its engine was put to sleep in the midst of them. */
  frozen: number
  /** Since when, in milliseconds since the epoch; undefined if none is. */
  frozenSince: number | undefined
  /** Requests that wait for it as well, but may not cause a switch. */
  passive: number
  /** When the first of them came, as its priority counts, or was frozen, in milliseconds since the epoch; undefined if none waits. */
  oldest: number | undefined
  /** When the first limit of those in its queue ends (`timeouts.queue`), in milliseconds since the epoch; undefined if nobody is in it. */
  deadline: number | undefined
  /** How long they have waited until now, all together, in milliseconds, as their priorities count. */
  age: number
  /**
   * Those in its queue, in no particular order. To be gone through during the call only: it is the queue itself, which goes
   * on changing. In a snapshot that was written as JSON it is an array.
   */
  queue: Iterable<WaiterView>
  /** How many have waited for it on average over the last 300 s. */
  averageWaiting: number
  /** Milliseconds a request stays in its engine on average; 4 000 until one has been served. */
  serviceTime: number
  /**
   * Milliseconds that it is still to work on those of its requests that have lasted long, before they are frozen again: until
   * each of them has been worked on for twice as long as it has been frozen. 0 if there is none.
   */
  owed: number
  /** The highest priority of those that wait for it, are frozen or in flight; undefined if there is none. */
  priority: number | undefined
  /** How many of those that it works on are expected to be done per millisecond. */
  departureRate: number
  /** Milliseconds it takes to drain on average; 4 000 until it has been drained. */
  drainTime: number
  /** Milliseconds for each request that it was frozen with, from its wake until it goes on, on average; 30 until one has been seen. */
  thawTime: number
  /**
   * Milliseconds that putting it to sleep takes beside what switches from it have cost: the first sleep of its processes, in
   * which host memory is pinned, is many times as long as a later one. 0 after that, and until one has been seen.
   */
  firstSleep: number
  /** Requests for it per millisecond, over the last minute. */
  arrivalRate: number
  /** Whether a decision may have it put to sleep with requests in flight, which go on when it is woken. */
  freezes: boolean
  /** Whether its next time awake begins with a start of its engine: it does not run, or is stopped rather than put to sleep. */
  cold: boolean
  /** Whether it is to go, and gets no new requests until those it has are done. */
  draining: boolean
  /** The limits that waiting and draining have, in milliseconds. */
  limits: Readonly<{ queue: number, drain: number }>
  /** The GPUs it needs while awake. */
  gpus: readonly number[]
  /** The share of each of them: above 0, at most 1. */
  gpuShare: number
  /** It takes its share now: awake, on its way up or down, or with processes that cannot be ended. */
  onGpu: boolean
  /** It cannot be moved now: a transition holds one of its GPUs, or its processes cannot be ended. */
  held: boolean
}

/** Milliseconds in which nobody is served while the GPU goes from one model to another. */
export interface KnownCosts {
  /** What a cost is taken for until it has been measured. */
  readonly initial: number
  /** Where the new one slept: by the model that goes, then by the one that comes. */
  readonly wakes: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Where the new one had to be started, whoever went for it. */
  readonly starts: Readonly<Record<string, number>>
}

/**
 * All that a policy may go by. Written with `JSON.stringify` and read with `JSON.parse` it leads to the same decision:
 * what is undefined is left out, and reads as undefined again.
 */
export interface Snapshot {
  /** Milliseconds since the epoch. */
  now: number
  models: readonly ModelView[]
  /** What switches have cost; see `switchCost`. */
  costs: KnownCosts
}

/** What to do next. */
export interface Decision {
  /** Whom to wake: a model that is not awake and has waiters. Undefined: stay as it is. */
  wake: string | undefined
  /** Who must go for it: enough of the awake models for the new one to fit. */
  evict: readonly string[]
  /**
   * From when on, in milliseconds since the epoch, requests of those who go are frozen rather than waited for, where they can
   * be. Default: not before `timeouts.drain` is over.
   */
  freezeAt?: number | undefined
  /** When to ask again even if nothing happens, in milliseconds since the epoch. */
  lookAgainAt: number | undefined
}

/** Decides when to switch and to whom. Pure: the answer depends on the snapshot alone, and no state is kept. */
export type Policy = (snapshot: Snapshot) => Decision
