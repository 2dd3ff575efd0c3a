import type { Clock } from '../clock.ts'
import type { Directory } from '../directory.ts'
import { RequestCutError, RequestNotFoundError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { LiveRequests } from '../gateway/live-requests.ts'
import type { Withdrawals } from '../gateway/withdrawals.ts'
import { resolveOptions } from '../options/index.ts'
import type { LlmuxOptions, Machine, SleepLevel } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { PauseKind } from '../switcher/controls.ts'
import type { Lease } from '../switcher/lease.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { describeModel, describeRequests } from './describe.ts'
import { idle } from './drain.ts'
import { promisedWait } from './fairness.ts'
import type { FairnessOptions } from './fairness.ts'
import { gpuHolders, gpuMemory } from './gpu-memory.ts'
import type { GpuHolder } from './gpu-memory.ts'
import { HostLease } from './host-lease.ts'
import type { LineFeed } from './line-feed.ts'
import { nodeState } from './node-state.ts'
import type { NodeState } from './node-state.ts'
import type { AcquireOptions, OrderOptions, SleepOptions } from './order-options.ts'
import { readiness } from './readiness.ts'
import type { StartCheck } from './start-check.ts'
import type { LlmuxStatus } from './status.ts'
import type { SwitchHistory } from './switch-history.ts'
import { update } from './update.ts'
import type { UpdateResult } from './update.ts'

export interface LlmuxContext {
  /** As your server gave them. */
  options: LlmuxOptions
  machine: Machine
  startCheck: StartCheck
  /** The limits of every wait. */
  limits: FairnessOptions
  directory: Directory
  events: LlmuxEvents
  lines: LineFeed
  clock: Clock
  orchestrator: Orchestrator
  switcher: Switcher
  history: SwitchHistory
  live: LiveRequests
  withdrawals: Withdrawals
}

/** `fastify.llmux`. A model may be given by name, alias or adapter. The comments become the table of docs/reference/api.md: `npm run readme`. */
export class Llmux {
  /** The [events](events.md): every change of state. */
  readonly events: LlmuxEvents
  readonly #context: LlmuxContext

  constructor (context: LlmuxContext) {
    this.events = context.events
    this.#context = context
  }

  /** The key in `models` for a name, an alias or an adapter. @throws {ModelNotFoundError} */
  id (name: string): string {
    return this.#context.directory.id(name)
  }

  /**
   * The present state: which models are awake, which requests wait, which switch is under way and why. For each model: state,
   * process group, last error and what was learned. `longestWait` is the longest time that a request can wait.
   */
  status (): LlmuxStatus {
    const { directory, orchestrator, switcher, history } = this.#context
    const { models, ...rest } = switcher.status()
    return {
      ...rest,
      switches: history.switches,
      gpuMemory: gpuMemory(orchestrator.memorySeen),
      hostMemoryLimit: orchestrator.hostMemoryLimit,
      models: models.map(model => describeModel(model, directory, orchestrator)),
      costs: switcher.learned.costs,
      longestWait: promisedWait(this.#context.limits, directory, switcher)
    }
  }

  /**
   * Waits in the model's queue as a request does, and resolves with a lease. `lease.fetch(path, init)` calls the engine.
   * `lease.release()` ends the lease; `lease.signal` aborts when the lease is taken away. While its model sleeps the lease is
   * frozen, unless `freezable` is `false`.
   *
   * @throws {ModelNotFoundError | QueueFullError | QueueTimeoutError | PassiveTimeoutError | ClosingError} or why the model could not start.
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
    return new HostLease(lease, orchestrator.endpoint(id), orchestrator.adapterFor(id, model))
  }

  /** Starts or wakes a model and evicts what is in its way; freezes requests in flight where possible. Resolves when the model is awake. Later the policy decides again. */
  async switchTo (model: string, { request }: OrderOptions = {}): Promise<void> {
    const id = this.id(model)
    await new Promise<void>((resolve, reject) => this.#context.switcher.switchTo(id, { request, done: resolve, failed: reject }))
  }

  /**
   * Drains a model and puts it to sleep; without a model, every one that is awake. A request that waits for the model wakes
   * it again. `level` is the model's own by default.
   *
   * @throws {RangeError} if there is no such level.
   */
  async sleep (model?: string, { level, request }: SleepOptions = {}): Promise<void> {
    // Callers without types may pass anything, and vLLM would get it.
    if (level !== undefined && ![1, 2, 3].includes(level)) throw new RangeError(`level must be 1, 2 or 3, not ${JSON.stringify(level)}`)
    const awake = this.#context.switcher.status().models.filter(model => model.awakeSince !== undefined).map(({ id }) => id)
    await this.#sleepAll(model === undefined ? awake : [this.id(model)], level, request)
  }

  /** Drains a model and stops its processes; without a model, all. A request that waits for the model starts it again. */
  async stop (model?: string, { request }: OrderOptions = {}): Promise<void> {
    const all = this.#context.switcher.status().models.map(({ id }) => id)
    await this.#sleepAll(model === undefined ? all : [this.id(model)], 3, request)
  }

  /** Stops a model, then starts it. Resolves when it is awake. */
  async restart (model: string, options: OrderOptions = {}): Promise<void> {
    await this.stop(model, options)
    await this.switchTo(model, options)
  }

  /** The policy never leaves this model once it is awake. Removes earlier pins that do not fit beside it: see [pins](../admin.md#pins-and-pauses). */
  pin (model: string): void {
    this.#context.switcher.controls.pin(this.id(model))
  }

  /** Removes the pins. */
  unpin (): void {
    this.#context.switcher.controls.unpin()
  }

  /**
   * Takes the gateway out of service: refuses new requests with 503 `LLMUX_ERR_DRAINING`, serves those accepted, then puts all
   * models to sleep. Resolves when that is done. A restarted gateway is in service again.
   */
  async drain (): Promise<void> {
    const { switcher, events } = this.#context
    switcher.controls.drain()
    await idle(switcher, events, () => !switcher.controls.draining)
    if (switcher.controls.draining) await this.sleep()
  }

  /** Puts the gateway back into service. */
  undrain (): void {
    this.#context.switcher.controls.undrain()
  }

  /**
   * Takes back requests that an edge in front of [several machines](../fleet.md) has sent and that still wait: those of the
   * names in their header `x-llmux-request`, `most` of them at most. They are refused with 409 `LLMUX_ERR_WITHDRAWN`. Returns
   * their names.
   */
  withdraw (requests: readonly string[], most = Infinity): string[] {
    const { switcher, withdrawals } = this.#context
    let withdrawn: string[] = []
    switcher.atOnce(() => { withdrawn = withdrawals.withdraw(requests, most) })
    return withdrawn
  }

  /** The state that an edge in front of [several machines](../fleet.md) reads. */
  nodeState (): NodeState {
    return nodeState(this.#context.switcher)
  }

  /**
   * `'switching'`: only switches by hand. `'traffic'`: no request is admitted either; requests in flight finish.
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
   * Replaces the models while requests run: [how](../admin.md#fastifyllmuxupdatemodels). Resolves when every model has changed.
   *
   * @throws {OptionsError} and then nothing has changed; {StopError} if processes cannot be stopped.
   */
  async update (models: LlmuxOptions['models']): Promise<UpdateResult> {
    return await update(this.#context, resolveOptions({ ...this.#context.options, models }, this.#context.machine))
  }

  /**
   * Requests that wait, with position and estimate; requests in flight; what the policy would do next. At most `most` of each
   * model, default 100.
   */
  requests ({ most = 100 }: { most?: number } = {}) {
    return describeRequests(this.#context.switcher.requests.list(most), this.#context.live)
  }

  /** Ends the request with that `id` in `requests()`: its client gets 503, or a broken stream. @throws {RequestNotFoundError} */
  cut (id: number): void {
    if (!this.#context.switcher.requests.cut(id, new RequestCutError())) throw new RequestNotFoundError(id)
  }

  /** Refuses the model's requests with 503, waiting ones included. Requests in flight finish; nothing wakes the model. */
  disable (model: string): void {
    this.#context.switcher.controls.disable(this.id(model))
  }

  /** Accepts the model's requests again. */
  enable (model: string): void {
    this.#context.switcher.controls.enable(this.id(model))
  }

  /**
   * Reads GPU memory: which model or other process holds how much. Undefined if this machine has no command that tells.
   *
   * @throws {MemoryCommandError | MemoryTimeoutError}
   */
  async gpuHolders (): Promise<GpuHolder[] | undefined> {
    const processes = await this.#context.orchestrator.lookAtMemory()
    return processes && await gpuHolders(processes, this.status().models)
  }

  /** Whether a model can be served now, and what prevents it. `obstacles`: why some cannot, while others can. */
  readiness () {
    return readiness(this.#context.directory.models.map(({ id }) => id), this.#context)
  }

  /** The last lines of the engine's output, oldest first, at most 1 000; also after its end. */
  lines (model: string, count = 100): string[] {
    return this.#context.orchestrator.lastLines(this.id(model), count)
  }

  /** Calls `listener` with each new line. Returns a function that stops. */
  follow (model: string, listener: (line: string) => void): () => void {
    return this.#context.lines.follow(this.id(model), listener)
  }

  async #sleepAll (ids: string[], level: SleepLevel | undefined, request: string | undefined): Promise<void> {
    const { switcher } = this.#context
    await Promise.all(ids.map(id => new Promise<void>((resolve, reject) => switcher.sleep(id, level, { request, done: resolve, failed: reject }))))
  }
}
