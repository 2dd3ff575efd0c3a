import type { ResolvedModel } from '../options/types.ts'
import type { Lease } from './lease.ts'
import { ModelFigures } from './learned/model-figures.ts'
import type { ModelView } from './policy/policy.ts'
import { Waiters } from './policy/waiters.ts'
import { Queue } from './queue.ts'

/** What the switcher must know of a model. */
export interface SwitchedModel extends Pick<ResolvedModel, 'id' | 'gpus' | 'gpuShare' | 'maxConcurrency'>,
  Partial<Pick<ResolvedModel, 'maxQueue' | 'sleepLevel' | 'idleTimeout' | 'idleStopTimeout' | 'keepAwake'>> {
  timeouts: Pick<ResolvedModel['timeouts'], 'queue' | 'drain' | 'passive'>
}

/** One model in the switcher: whether it is awake, who waits for it and who holds it. */
export class Slot {
  /** Another one from an update on. */
  model: SwitchedModel
  readonly queue = new Queue()
  readonly leases = new Set<Lease>()
  /** What has been measured of it. */
  readonly figures: ModelFigures
  readonly #waiters = new Waiters(this.queue)
  /** The lease of a request that may have killed the engine before; there is at most one. */
  suspect: Lease | undefined
  /** Milliseconds since the epoch since when it is awake; undefined while it is not. */
  awakeSince: number | undefined
  /** Requests for it are refused, and nothing wakes it. */
  disabled = false
  /** No new leases: it waits for those it has granted, to go. */
  draining = false
  /** When it was woken or last used, in milliseconds since the epoch; undefined while it has no processes. */
  usedAt: number | undefined
  /** It is to come back when nobody else wants its place. */
  kept = false
  /** Not before. Milliseconds since the epoch. */
  returnAt = 0

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

  /** Whether anybody waits for it or holds it. */
  get busy (): boolean {
    return this.leases.size > 0 || this.queue.size > 0
  }

  /** Whether a lease can be granted at this very moment. */
  get admits (): boolean {
    return this.awake && !this.draining && this.leases.size < this.model.maxConcurrency
  }

  woken (now: number): void {
    this.awakeSince = this.usedAt = now
    this.kept = this.model.keepAwake ?? false
  }

  view (now: number, { held, onGpu, cold }: Pick<ModelView, 'held' | 'onGpu' | 'cold'>): ModelView {
    const { id, awakeSince, leases, queue, figures, draining, model: { maxConcurrency, timeouts, gpus, gpuShare } } = this
    return {
      id,
      awakeSince,
      inFlight: leases.size,
      maxConcurrency,
      waiting: queue.active,
      passive: queue.passive,
      oldest: queue.oldest,
      age: queue.age(now),
      queue: this.#waiters,
      averageWaiting: figures.waiting.at(now),
      serviceTime: figures.serviceTime.value,
      drainTime: figures.drainTime.value,
      arrivalRate: figures.arrivals.at(now),
      draining,
      limits: timeouts,
      gpus,
      gpuShare,
      held,
      onGpu,
      cold
    }
  }
}
