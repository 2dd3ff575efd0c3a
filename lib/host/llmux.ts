import type { LlmuxEvents } from '../events.ts'
import type { ResolvedOptions, SleepLevel } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Lease } from '../switcher/lease.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { unknownModel } from '../unknown-model.ts'
import { promisedWait } from './fairness.ts'
import { HostLease } from './host-lease.ts'

export interface AcquireOptions {
  /** Gives up waiting. The promise rejects with the signal's reason. */
  signal?: AbortSignal
  /** What the waiting request holds in memory, in bytes, for `maxQueueBytes`. Default 0. */
  bytes?: number
  /** From -5 to 5, higher goes first; each step counts as 5 s of waiting. Default 0. */
  priority?: number
  /** Whether the model may be woken for it; if not, it waits at most `timeouts.passive` for it to be awake anyway. Default true. */
  mayCauseSwitch?: boolean
}

export interface LlmuxContext {
  options: ResolvedOptions
  events: LlmuxEvents
  orchestrator: Orchestrator
  switcher: Switcher
}

/** `fastify.llmux`: what the host's own routes and hooks may ask for. Models go by any of their names. */
export class Llmux {
  /** Every change of state. */
  readonly events: LlmuxEvents
  readonly #context: LlmuxContext

  constructor (context: LlmuxContext) {
    this.events = context.events
    this.#context = context
  }

  /** What is going on, and why. */
  status () {
    const { options, orchestrator, switcher } = this.#context
    const { models, ...rest } = switcher.status()
    const views = new Map(models.map(view => [view.id, view]))
    return {
      ...rest,
      models: options.models.map(({ id, aliases, adapters }) => {
        const { inFlight, waiting, passive, oldest, serviceTime, drainTime, arrivalRate, averageWaiting } = views.get(id)!
        const learned = { serviceTime, drainTime, arrivalRate, averageWaiting }
        return { name: id, aliases, adapters, ...orchestrator.snapshot(id), inFlight, waiting, passive, oldest, learned }
      }),
      costs: switcher.learned.costs,
      longestWait: promisedWait(options, switcher)
    }
  }

  /**
   * Waits in the model's queue like any request, and resolves with a lease on the awake model.
   *
   * @throws {ModelNotFoundError | QueueFullError | QueueTimeoutError | PassiveTimeoutError | ClosingError} or why the model could not be brought up.
   */
  async acquire (model: string, { signal, bytes = 0, ...details }: AcquireOptions = {}): Promise<HostLease> {
    const { switcher, orchestrator } = this.#context
    const id = this.#id(model)
    signal?.throwIfAborted()
    const lease = await new Promise<Lease>((resolve, reject) => {
      const stopListening = () => signal?.removeEventListener('abort', onAbort)
      const onAbort = () => {
        leave()
        reject(signal!.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const leave = switcher.request(id, bytes, {
        granted: lease => { stopListening(); resolve(lease) },
        refused: error => { stopListening(); reject(error) }
      }, details)
    })
    return new HostLease(lease, orchestrator.endpoint(id))
  }

  /** Starts or wakes a model, evicting what must go; resolves when it is awake. It does not stay with it: the policy goes on deciding. */
  async switchTo (model: string): Promise<void> {
    const id = this.#id(model)
    await new Promise<void>((resolve, reject) => this.#context.switcher.switchTo(id, { done: resolve, failed: reject }))
  }

  /**
   * Drains a model and puts it to sleep; without a model, all that are awake. A request that waits for it wakes it again.
   * `level` is the model's own by default.
   *
   * @throws {RangeError} if there is no such level.
   */
  async sleep (model?: string, { level }: { level?: SleepLevel } = {}): Promise<void> {
    // It may come from a query string, and is to go on to vLLM.
    if (level !== undefined && ![1, 2, 3].includes(level)) throw new RangeError(`level must be 1, 2 or 3, not ${JSON.stringify(level)}`)
    const awake = this.#context.switcher.status().models.filter(model => model.awakeSince !== undefined).map(({ id }) => id)
    await this.#sleepAll(model === undefined ? awake : [this.#id(model)], level)
  }

  /** Drains a model and ends its process group; without a model, all of them. A request that waits for it starts it again. */
  async stop (model?: string): Promise<void> {
    const all = this.#context.options.models.map(({ id }) => id)
    await this.#sleepAll(model === undefined ? all : [this.#id(model)], 3)
  }

  async #sleepAll (ids: string[], level: SleepLevel | undefined): Promise<void> {
    const { switcher } = this.#context
    await Promise.all(ids.map(id => new Promise<void>((resolve, reject) => switcher.sleep(id, level, { done: resolve, failed: reject }))))
  }

  #id (name: string): string {
    const id = this.#context.options.names.get(name)
    if (id === undefined) throw unknownModel(name)
    return id
  }
}

export type LlmuxStatus = ReturnType<Llmux['status']>
