import type { ResolvedModel } from '../options/types.ts'
import type { Lease } from './lease.ts'
import type { ModelView } from './policy/policy.ts'
import { Queue } from './queue.ts'

/** What the switcher must know of a model. */
export interface SwitchedModel extends Pick<ResolvedModel, 'id' | 'gpus' | 'gpuShare' | 'maxConcurrency'>,
  Partial<Pick<ResolvedModel, 'sleepLevel' | 'idleTimeout' | 'idleStopTimeout' | 'keepAwake'>> {
  timeouts: Pick<ResolvedModel['timeouts'], 'queue' | 'drain'>
}

/** One model in the switcher: whether it is awake, who waits for it and who holds it. */
export class Slot {
  /** Another one from an update on. */
  model: SwitchedModel
  readonly queue = new Queue()
  readonly leases = new Set<Lease>()
  /** The lease of a request that may have killed the engine before; there is at most one. */
  suspect: Lease | undefined
  /** Milliseconds since the epoch since when it is awake; undefined while it is not. */
  awakeSince: number | undefined
  /** No new leases: it waits for those it has granted, to go. */
  draining = false
  /** When it was woken or last used, in milliseconds since the epoch; undefined while it has no processes. */
  usedAt: number | undefined
  /** It is to come back when nobody else wants its place. */
  kept = false
  /** Not before. Milliseconds since the epoch. */
  returnAt = 0

  constructor (model: SwitchedModel) {
    this.model = model
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

  view (presence: Pick<ModelView, 'held' | 'onGpu'>): ModelView {
    return {
      id: this.id,
      awakeSince: this.awakeSince,
      inFlight: this.leases.size,
      waiting: this.queue.size,
      oldest: this.queue.oldest,
      gpus: this.model.gpus,
      gpuShare: this.model.gpuShare,
      ...presence
    }
  }
}
