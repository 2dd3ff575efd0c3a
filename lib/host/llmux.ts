import type { Clock } from '../clock.ts'
import type { Directory } from '../directory.ts'
import type { LlmuxEvents } from '../events.ts'
import { RequestCutError, RequestNotFoundError } from '../errors.ts'
import { resolveOptions } from '../options/index.ts'
import type { LlmuxOptions, Machine, SleepLevel } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Lease } from '../switcher/lease.ts'
import type { PauseKind } from '../switcher/controls.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { promisedWait } from './fairness.ts'
import type { FairnessOptions } from './fairness.ts'
import { idle } from './drain.ts'
import { describeModel } from './describe-model.ts'
import { describeRequests } from './describe-requests.ts'
import { gpuHolders, gpuMemory } from './gpu-memory.ts'
import type { GpuHolder } from './gpu-memory.ts'
import { HostLease } from './host-lease.ts'
import type { LiveRequests } from '../gateway/live-requests.ts'
import type { LineFeed } from './line-feed.ts'
import type { AcquireOptions, OrderOptions, SleepOptions } from './order-options.ts'
import { nodeState } from './node-state.ts'
import type { NodeState } from './node-state.ts'
import { readiness } from './readiness.ts'
import type { StartCheck } from './start-check.ts'
import type { LlmuxStatus } from './status.ts'
import type { SwitchHistory } from './switch-history.ts'
import { update } from './update.ts'
import type { UpdateResult } from './update.ts'

export interface LlmuxContext {
  /** As they were given. */
  options: LlmuxOptions
  machine: Machine
  startCheck: StartCheck
  /** By what waits are bounded. */
  limits: FairnessOptions
  directory: Directory
  events: LlmuxEvents
  lines: LineFeed
  clock: Clock
  orchestrator: Orchestrator
  switcher: Switcher
  history: SwitchHistory
  live: LiveRequests
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

  /** The key in `models` that a name, an alias or an adapter stands for. @throws {ModelNotFoundError} */
  id (name: string): string {
    return this.#context.directory.id(name)
  }

  /** What is going on, and why. */
  status (): LlmuxStatus {
    const { directory, orchestrator, switcher, history } = this.#context
    const { models, ...rest } = switcher.status()
    return {
      ...rest,
      switches: history.switches,
      gpuMemory: gpuMemory(orchestrator.memorySeen),
      models: models.map(model => describeModel(model, directory, orchestrator)),
      costs: switcher.learned.costs,
      longestWait: promisedWait(this.#context.limits, directory, switcher)
    }
  }

  /**
   * Waits in the model's queue like any request, and resolves with a lease on the awake model.
   *
   * @throws {ModelNotFoundError | QueueFullError | QueueTimeoutError | PassiveTimeoutError | ClosingError} or why the model could not be brought up.
   */
  async acquire (model: string, { signal, bytes = 0, ...details }: AcquireOptions = {}): Promise<HostLease> {
    const { switcher, orchestrator } = this.#context
    const id = this.id(model)
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
  async switchTo (model: string, { request }: OrderOptions = {}): Promise<void> {
    const id = this.id(model)
    await new Promise<void>((resolve, reject) => this.#context.switcher.switchTo(id, { request, done: resolve, failed: reject }))
  }

  /**
   * Drains a model and puts it to sleep; without a model, all that are awake. A request that waits for it wakes it again.
   * `level` is the model's own by default.
   *
   * @throws {RangeError} if there is no such level.
   */
  async sleep (model?: string, { level, request }: SleepOptions = {}): Promise<void> {
    // It may come from a query string, and is to go on to vLLM.
    if (level !== undefined && ![1, 2, 3].includes(level)) throw new RangeError(`level must be 1, 2 or 3, not ${JSON.stringify(level)}`)
    const awake = this.#context.switcher.status().models.filter(model => model.awakeSince !== undefined).map(({ id }) => id)
    await this.#sleepAll(model === undefined ? awake : [this.id(model)], level, request)
  }

  /** Drains a model and ends its process group; without a model, all of them. A request that waits for it starts it again. */
  async stop (model?: string, { request }: OrderOptions = {}): Promise<void> {
    const all = this.#context.switcher.status().models.map(({ id }) => id)
    await this.#sleepAll(model === undefined ? all : [this.id(model)], 3, request)
  }

  /** Ends a model's processes as `stop` does, and starts it again; resolves when it is awake. */
  async restart (model: string, options: OrderOptions = {}): Promise<void> {
    await this.stop(model, options)
    await this.switchTo(model, options)
  }

  /**
   * Stays with a model: from when it is awake only `switchTo`, `sleep` and `stop` make it go. Requests for others wait within
   * their limits. One that was pinned before and does not fit beside it is let go.
   */
  pin (model: string): void {
    this.#context.switcher.controls.pin(this.id(model))
  }

  /** Leaves it to the policy again. */
  unpin (): void {
    this.#context.switcher.controls.unpin()
  }

  /**
   * Takes the gateway out of service: new requests are refused with 503 `LLMUX_ERR_DRAINING`, those accepted before are served, then
   * all models are put to sleep. Resolves when that is done; `undrain` ends it. Nothing of it outlives the process.
   */
  async drain (): Promise<void> {
    const { switcher, events } = this.#context
    switcher.controls.drain()
    await idle(switcher, events, () => !switcher.controls.draining)
    if (switcher.controls.draining) await this.sleep()
  }

  /** Takes requests again. */
  undrain (): void {
    this.#context.switcher.controls.undrain()
  }

  /** What an edge in front of several gateways goes by: see `fastify-llmux/fleet`. */
  nodeState (): NodeState {
    return nodeState(this.#context.switcher)
  }

  /**
   * `switching`: no switch but by `switchTo`, `sleep` and `stop`. `traffic`: no request is let in either, and those that come
   * wait within their limits; those that run are left alone.
   *
   * @throws {RangeError} if `what` is something else.
   */
  pause ({ what }: { what: PauseKind }): void {
    if (what !== 'switching' && what !== 'traffic') throw new RangeError(`what must be "switching" or "traffic", not ${JSON.stringify(what)}`)
    this.#context.switcher.controls.pause(what)
  }

  /** Ends a pause. */
  resume (): void {
    this.#context.switcher.controls.resume()
  }

  /**
   * Puts other models in the place of those there are, in the shape of the option `models`. Names mean the new ones at once.
   * Models that are new can be asked for; those that are gone serve who was accepted before, then are stopped; those that have
   * changed are stopped when no request is in flight, after `timeouts.drain` at the latest, and started anew; the others are
   * not touched. Resolves when all that is done.
   *
   * @throws {OptionsError} and then nothing has changed; {StopError} if processes cannot be ended.
   */
  async update (models: LlmuxOptions['models']): Promise<UpdateResult> {
    return await update(this.#context, resolveOptions({ ...this.#context.options, models }, this.#context.machine))
  }

  /**
   * Who waits and who is in flight, and what the policy would do next. Of each model at most `most` who wait, the next first,
   * and as many in flight, the oldest first; default 100.
   */
  requests ({ most = 100 }: { most?: number } = {}) {
    return describeRequests(this.#context.switcher.requests.list(most), this.#context.live)
  }

  /**
   * Ends a request, waiting or in flight, by its number in `requests()`: its client gets 503, or a broken stream.
   *
   * @throws {RequestNotFoundError}
   */
  cut (id: number): void {
    if (!this.#context.switcher.requests.cut(id, new RequestCutError())) throw new RequestNotFoundError(id)
  }

  /** Refuses all requests for a model, those that wait included; those in flight end. Nothing wakes it until it is enabled. */
  disable (model: string): void {
    this.#context.switcher.controls.disable(this.id(model))
  }

  /** Ends that. */
  enable (model: string): void {
    this.#context.switcher.controls.enable(this.id(model))
  }

  /**
   * Looks at GPU memory: who holds how much of it, models and others. Undefined where nothing tells.
   *
   * @throws {MemoryCommandError | MemoryTimeoutError}
   */
  async gpuHolders (): Promise<GpuHolder[] | undefined> {
    const processes = await this.#context.orchestrator.lookAtMemory()
    return processes && await gpuHolders(processes, this.status().models)
  }

  /** Whether any model can be served now, and if not, why. `obstacles`: what is in the way of some, while others can be served. */
  readiness () {
    return readiness(this.#context.directory.models.map(({ id }) => id), this.#context)
  }

  /** What a model's engine wrote last, oldest first, at most 1 000 lines; also after its end. */
  lines (model: string, count = 100): string[] {
    return this.#context.orchestrator.lastLines(this.id(model), count)
  }

  /** Calls back with each line that the engine writes from now on. Returns how to stop. */
  follow (model: string, listener: (line: string) => void): () => void {
    return this.#context.lines.follow(this.id(model), listener)
  }

  async #sleepAll (ids: string[], level: SleepLevel | undefined, request: string | undefined): Promise<void> {
    const { switcher } = this.#context
    await Promise.all(ids.map(id => new Promise<void>((resolve, reject) => switcher.sleep(id, level, { request, done: resolve, failed: reject }))))
  }
}
