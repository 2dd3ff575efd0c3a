import type { ResolvedModel } from '../options/types.ts'
import type { Lease } from './lease.ts'
import { ModelFigures } from './learned/model-figures.ts'
import type { ModelView } from './policy/policy.ts'
import { Waiters } from './policy/waiters.ts'
import { Queue } from './queue.ts'

/** What the switcher needs to know of a model. */
export interface SwitchedModel extends Pick<ResolvedModel, 'id' | 'gpus' | 'gpuShare' | 'maxConcurrency'>,
  Partial<Pick<ResolvedModel, 'freeze' | 'maxQueue' | 'sleepLevel' | 'idleTimeout' | 'idleStopTimeout' | 'keepAwake' | 'resident' | 'place'>> {
  timeouts: Pick<ResolvedModel['timeouts'], 'queue' | 'drain' | 'passive'>
}

// How long a request is protected from being frozen. Tuned on recorded traffic: docs/scheduling.md.

/** A request that has waited or been frozen for longer than this many times the mean time in the engine is owed work for it. */
const usualWait = 4

/** For each millisecond beyond that, the engine works on it for so many before it is frozen. */
const workPerWait = 0.4

/** A request counts as long when the engine has worked on it for this many times the mean. */
const long = 2.7

/** A long request is not frozen again until the engine has worked on it for this many times as long as it was frozen. */
const workPerPause = 2

/** One model in the switcher: its state, its waiters and its leases. */
export class Slot {
  /** An update replaces it. */
  model: SwitchedModel
  readonly queue = new Queue()
  readonly leases = new Set<Lease>()
  /** Leases whose clients do not read, and which other requests need not wait for. */
  readonly stalled = new Set<Lease>()
  /** Its measurements. */
  readonly figures: ModelFigures
  readonly #waiters = new Waiters(this.queue)
  /** The lease of a request that may have killed an engine before; there is at most one. */
  suspect: Lease | undefined
  /** The same lease, if it must be alone. */
  alone: Lease | undefined
  /** Milliseconds since the epoch since when it is awake; undefined while it is not. */
  awakeSince: number | undefined
  /** Requests for it are refused, and nothing wakes it. */
  disabled = false
  /** Whether the model drains: it grants no new leases, and waits for the present ones before it makes room. */
  draining = false
  /** Whether the drain is over and the remaining requests are to be frozen. */
  freezing = false
  /** Since when it sleeps with frozen leases, in milliseconds since the epoch; undefined if it does not. */
  frozenSince: number | undefined
  /** When it was woken or last used, in milliseconds since the epoch; undefined while it has no processes. */
  usedAt: number | undefined
  /** Whether the model wakes again when no other model needs its GPU. */
  kept = false
  /** Not before. Milliseconds since the epoch. */
  returnAt = 0
  /** The earliest time to try a wake again that was refused while requests were frozen. Milliseconds since the epoch. */
  retryAt = 0

  constructor (model: SwitchedModel, figures = new ModelFigures()) {
    this.model = model
    this.figures = figures
  }

  get id (): string {
    return this.model.id
  }

  get awake (): boolean {
    return this.awakeSince !== undefined
  }

  /** Whether a request waits for it or is in flight. */
  get busy (): boolean {
    return this.leases.size > 0 || this.queue.size > 0
  }

  /** Leases whose engine sleeps. */
  get frozen (): number {
    return this.frozenSince === undefined ? 0 : this.leases.size
  }

  /** Leases that its engine works on. */
  get inFlight (): number {
    return this.frozenSince === undefined ? this.leases.size - this.stalled.size : 0
  }

  /** Requests that it is to wake for: waiting and frozen ones. */
  get wanted (): number {
    return this.queue.active + this.frozen
  }

  /** When the first of them arrived, as its priority counts, or was frozen. */
  get oldest (): number | undefined {
    const { queue: { oldest }, frozenSince } = this
    return this.frozen === 0 ? oldest : Math.min(frozenSince!, oldest ?? Infinity)
  }

  /** Whether a lease can be granted now. */
  get admits (): boolean {
    return this.awake && !this.draining && !this.#apart && this.leases.size < this.model.maxConcurrency
  }

  /** Whether the engine serves only a request that must be alone, which has had no byte yet. */
  get #apart (): boolean {
    return this.alone !== undefined && this.alone.output === 0
  }

  woken (now: number): void {
    this.awakeSince = this.usedAt = now
    this.retryAt = 0
    this.kept = this.model.keepAwake ?? false
  }

  /** How many requests in flight are expected to end per millisecond. */
  #departureRate (now: number): number {
    if (!this.awake) return 0
    let rate = 0
    for (const lease of this.leases) rate += this.figures.serviceTime.endRate(lease.served(now))
    return rate
  }

  /**
   * How long the engine owes work to requests that have waited long or are long: each must make progress, however many requests
   * come for others.
   */
  #owed (now: number): number {
    if (!this.awake) return 0
    const mean = this.figures.serviceTime.value
    let owed = 0
    for (const lease of this.leases) {
      const served = lease.served(now)
      owed = Math.max(owed, workPerWait * (lease.waited + lease.paused - usualWait * mean) - served)
      if (served > long * mean) owed = Math.max(owed, workPerPause * lease.paused - served)
    }
    return owed
  }

  get #priority (): number | undefined {
    let highest = this.queue.priority
    for (const { priority } of this.leases) {
      if (highest === undefined || priority > highest) highest = priority
    }
    return highest
  }

  view (now: number, { held, onGpu, cold, freezes, pins }: Pick<ModelView, 'held' | 'onGpu' | 'cold' | 'freezes'> & { pins: boolean }): ModelView {
    const { id, awakeSince, frozen, frozenSince, queue, figures, draining, model: { maxConcurrency, timeouts, gpus, gpuShare } } = this
    return {
      id,
      awakeSince,
      inFlight: this.inFlight,
      maxConcurrency,
      waiting: this.wanted,
      frozen,
      frozenSince: frozen === 0 ? undefined : frozenSince,
      passive: queue.passive,
      oldest: this.oldest,
      deadline: queue.earliest === undefined ? undefined : queue.earliest + timeouts.queue,
      age: queue.age(now) + (frozen === 0 ? 0 : frozen * (now - frozenSince!)),
      queue: this.#waiters,
      averageWaiting: figures.waiting.at(now),
      serviceTime: figures.serviceTime.value,
      owed: this.#owed(now),
      priority: this.#priority,
      departureRate: this.#departureRate(now),
      drainTime: figures.drainTime.value,
      thawTime: figures.thawTime.value,
      firstSleep: pins ? figures.firstSleep.value : 0,
      arrivalRate: figures.arrivals.at(now),
      draining,
      limits: timeouts,
      gpus,
      gpuShare,
      held,
      onGpu,
      cold,
      freezes
    }
  }
}
