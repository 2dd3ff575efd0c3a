import type { LlmuxEvents, RequestChange } from '../events.ts'

export type Activity = 'switching' | 'serving' | 'idle'

export interface ActivityContext {
  events: LlmuxEvents
  /** The GPUs of each model, by index. */
  gpusOf: ReadonlyMap<string, readonly number[]>
  /** The GPUs that a transition holds now. */
  switching: () => ReadonlySet<number>
  /** Milliseconds since the epoch, as events have it. */
  now: () => number
  /** Milliseconds of one GPU's time that have passed. */
  onTime: (gpu: number, activity: Activity, milliseconds: number) => void
}

interface Gpu {
  since: number
  switching: boolean
  leases: number
}

/** Adds up how each GPU spends its time, from one event to the next. A drain counts as switching, though it still serves. */
export class GpuActivity {
  readonly #context: ActivityContext
  readonly #gpus: ReadonlyMap<number, Gpu>
  /** Call it when nothing reads the metrics any more. */
  readonly close: () => void

  constructor (context: ActivityContext) {
    this.#context = context
    const { events, gpusOf, now } = context
    const since = now()
    this.#gpus = new Map([...gpusOf.values()].flat().map(gpu => [gpu, { since, switching: false, leases: 0 }]))
    const onRequest = (change: RequestChange) => this.#onRequest(change)
    const onTransition = () => this.#onTransition()
    events.on('request', onRequest)
    events.on('transition', onTransition)
    this.close = () => { events.off('request', onRequest).off('transition', onTransition) }
  }

  /** Counts up to now. */
  settle (): void {
    const now = this.#context.now()
    this.#gpus.forEach((gpu, index) => this.#settle(index, gpu, now))
  }

  #onRequest ({ model, from, to, time }: RequestChange): void {
    const change = to === 'granted' ? 1 : from === 'granted' ? -1 : 0
    if (change === 0) return
    for (const index of this.#context.gpusOf.get(model) ?? []) {
      const gpu = this.#gpus.get(index)!
      this.#settle(index, gpu, time)
      gpu.leases += change
    }
  }

  #onTransition (): void {
    this.settle()
    const switching = this.#context.switching()
    this.#gpus.forEach((gpu, index) => { gpu.switching = switching.has(index) })
  }

  #settle (index: number, gpu: Gpu, now: number): void {
    const activity = gpu.switching ? 'switching' : gpu.leases > 0 ? 'serving' : 'idle'
    this.#context.onTime(index, activity, Math.max(0, now - gpu.since))
    gpu.since = Math.max(gpu.since, now)
  }
}
