import type { Clock } from '../clock.ts'
import { ClosingError, NotStartableError, ProcessDiedError, WakeError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import type { EngineState, LlmuxEvents, WakeSteps } from '../events.ts'
import type { ResolvedModel, SleepLevel } from '../options/types.ts'
import type { Driver, Endpoint } from './driver.ts'
import { EngineOperations } from './engine-operations.ts'
import { EngineStatus } from './engine-status.ts'
import { mayFreeze } from './keeping.ts'
import { lastWords, withLastWords } from './last-words.ts'
import type { Life } from './life.ts'
import { LoraLoader } from './lora-loader.ts'
import type { HostBudget } from './memory/host-budget.ts'
import type { Sleepers } from './memory/memory-at-hand.ts'
import type { MemoryWatch } from './memory/memory-watch.ts'
import { OperationQueue } from './operation-queue.ts'
import { SharedQuestion } from './shared-question.ts'
import { StartProgress } from './progress/start-progress.ts'
import { StartBackoff } from './start-backoff.ts'

export interface EngineContext {
  model: ResolvedModel
  driver: Driver
  clock: Clock
  events: LlmuxEvents
  memory: MemoryWatch | undefined
  host: HostBudget
  sleepers: Sleepers
  /** For the pauses after starts that failed. */
  random: () => number
  /** Called at once when a running engine is known to have died unexpectedly. */
  onLost: (id: string, error: Error) => void
  /** Called when processes that could not be stopped have ended after all. Default: nobody needs to know. */
  onFreed?: () => void
}

export interface WakeOptions {
  /** Also in the pause after starts that failed. */
  force?: boolean | undefined
  /** The id of the host's request that it is for, told in events. */
  request?: string | undefined
}

export interface SleepOptions extends Pick<WakeOptions, 'request'> {
  /** Requests in flight, which it keeps. Default 0. */
  frozen?: number | undefined
}

/** How long to wait before checking again a group that cannot be stopped. Milliseconds. */
const stuckPause = 1_000

const runningStates: readonly EngineState[] = ['starting', 'awake', 'sleeping', 'asleep', 'waking']

/** In these it may hold requests, and answers `/health`. */
const servingStates: readonly EngineState[] = ['awake', 'sleeping', 'asleep', 'waking']

/** One engine and its life. Orders are carried out in turn; only a stop interrupts the present one. */
export class Engine {
  readonly model: ResolvedModel
  readonly adapters: LoraLoader
  readonly #driver: Driver
  readonly #onLost: EngineContext['onLost']
  readonly #onFreed: () => void
  readonly #status: EngineStatus
  readonly #backoff: StartBackoff
  readonly #progress: StartProgress
  readonly #operations: EngineOperations
  readonly #health = new SharedQuestion<boolean>()
  readonly #queue = new OperationQueue()
  /** Aborts all orders that were given before a stop. */
  #epoch = new AbortController()
  #sharedWake: Promise<void> | undefined
  #cleanUp: Promise<void> | undefined
  #closed = false

  constructor (context: EngineContext) {
    const { model, driver, onLost, onFreed = () => {} } = context
    this.model = model
    this.#driver = driver
    this.#onLost = onLost
    this.#onFreed = onFreed
    const status = new EngineStatus({ ...context, id: model.id })
    this.#status = status
    this.#backoff = new StartBackoff(context)
    this.#progress = new StartProgress({ ...context, id: model.id, readSign: text => model.engine.readSign?.(text) })
    this.#operations = new EngineOperations({
      ...context,
      status,
      backoff: this.#backoff,
      progress: this.#progress,
      onExit: life => this.#die(life, life.obituary()),
      onStuck: life => this.#watch(life)
    })
    this.adapters = new LoraLoader({
      ...context,
      now: () => ({ state: this.state, life: this.#operations.life, epoch: this.#epoch.signal }),
      run: operation => this.#queue.run(operation),
      examine: reason => this.examine(reason)
    })
  }

  get state (): EngineState {
    return this.#status.state
  }

  /** Whether it has processes that cannot be ended. */
  get stuck (): boolean {
    return this.#operations.life?.stuck === true
  }

  /** Whether its next sleep at level 1 is the first of its processes. */
  get pins (): boolean {
    const { model: { sleepMode, sleepLevel } } = this
    return this.state === 'awake' && sleepMode === true && sleepLevel === 1 && this.#operations.life?.pinned === false
  }

  /** Whether it has processes, or is about to. */
  get runs (): boolean {
    return this.#running || this.#operations.life !== undefined
  }

  /** The leader of its process group; undefined if it does not run. */
  get pid (): number | undefined {
    return this.#operations.life?.pid
  }

  /** Since when it sleeps without frozen requests, in milliseconds since the epoch; undefined otherwise. */
  get asleepSince (): number | undefined {
    return this.state === 'asleep' && !this.#operations.kept.any && this.#sharedWake === undefined ? this.#status.since : undefined
  }

  /** Whether it can be put to sleep with requests in flight. */
  get keeps (): boolean {
    return this.#operations.kept.possible && mayFreeze(this.model)
  }

  get endpoint (): Endpoint {
    return this.#driver.endpoint(this.model)
  }

  /** Settles when what was left of an engine that died is gone, or is known not to go. */
  get cleanUp (): Promise<void> | undefined {
    return this.#cleanUp
  }

  get steps (): WakeSteps {
    return this.#operations.steps
  }

  snapshot () {
    const { state, since, level, error } = this.#status
    const { failures, retryAt } = this.#backoff
    return {
      state,
      since,
      level,
      error,
      startCause: (error as LlmuxError | undefined)?.startCause,
      lastSleep: this.#operations.report,
      progress: this.#progress.snapshot,
      failures,
      retryAt,
      holdsGpu: this.stuck,
      pid: this.pid,
      loadedAdapters: this.adapters.loaded,
      lastLines: lastWords(this.lastLines(1_000), this.model.engine.noise)
    }
  }

  lastLines (count: number): string[] {
    return this.#operations.lastLines(count)
  }

  async prepare (force = false): Promise<void> {
    // A sleeping engine may have been refused the memory for its wake.
    if (this.state === 'asleep' && !force) this.#backoff.check()
    if (this.#running) return
    // A port is not free before its former holder is gone.
    await this.#queue.idle()
    if (this.#running) return
    if (this.stuck) throw new NotStartableError(this.model.id, 'its former processes cannot be ended')
    if (!force) this.#backoff.check()
    await this.#driver.prepare(this.model)
    // The reason for the failure is gone: from here on it waits for its turn.
    if (this.state === 'failed') this.#status.change('stopped', 'it is tried again')
  }

  wake ({ force = false, request }: WakeOptions = {}): Promise<void> {
    if (this.#closed) return Promise.reject(new ClosingError())
    if (this.#sharedWake !== undefined) return this.#sharedWake
    const { signal } = this.#epoch
    const wake = this.#for(request, () => this.#operations.wake(signal, force)).finally(() => {
      if (this.#sharedWake === wake) this.#sharedWake = undefined
    })
    this.#sharedWake = wake
    return wake
  }

  sleep (level: SleepLevel = this.model.sleepLevel, { frozen, request }: SleepOptions = {}): Promise<void> {
    this.#sharedWake = undefined
    const { signal } = this.#epoch
    // An engine that cannot sleep may answer 200, and free nothing.
    const { engine, sleepMode } = this.model
    const real = sleepMode === false || !engine.levels.includes(level) ? 3 : level
    return this.#for(request, () => this.#operations.sleep(real, signal, frozen))
  }

  stop (reason = 'stop requested', error: Error = new WakeError(this.model.id, 'it was stopped meanwhile')): Promise<void> {
    this.#sharedWake = undefined
    this.#epoch.abort(error)
    this.#epoch = new AbortController()
    return this.#queue.run(() => this.#operations.stop(reason))
  }

  async close (): Promise<void> {
    this.#closed = true
    await this.stop('closing', new ClosingError())
  }

  /** Treats a running engine as dead, when something other than its exit shows it. */
  fail (error: Error): void {
    const { life } = this.#operations
    if (life !== undefined) this.#die(life, error)
  }

  /** Whether an engine that seems dead is alive. If not, it is treated as dead, possibly long before its process ends. */
  async examine (reason: string): Promise<boolean> {
    const { life } = this.#operations
    if (!servingStates.includes(this.state) || life === undefined) return false
    const healthy = await this.#health.ask(() => this.#operations.says('probe'))
    if (!healthy) this.#die(life, withLastWords(new ProcessDiedError(this.model.id, `${reason}, and it is not healthy`), life.lastWords))
    return healthy && !life.dead.aborted
  }

  /**
   * Whether the core of an awake engine answers within one probe's time. A sleeping one is not asked: it is meant to leave
   * its requests without an answer.
   */
  async responds (): Promise<boolean> {
    if (this.state === 'awake') return await this.#operations.says('responds')
    return servingStates.includes(this.state)
  }

  /** In its turn, with events that name this request. */
  #for (request: string | undefined, operation: () => Promise<void>): Promise<void> {
    return this.#queue.run(async () => {
      this.#status.request = request
      try {
        await operation()
      } finally {
        this.#status.request = undefined
      }
    })
  }

  get #running (): boolean {
    return runningStates.includes(this.state)
  }

  /** The present operation learns of it by the signal; otherwise the engine's users learn of it before its remains are removed. */
  #die (life: Life, error: Error): void {
    if (life.dead.aborted) return
    life.die(error)
    // The exit of a former life may be reported late.
    if (life !== this.#operations.life) return
    if (this.state !== 'awake' && this.state !== 'asleep') return
    const tell = this.#status.enter('failed', error.message, { pid: life.pid, error })
    this.#cleanUp = this.#queue.run(async () => {
      // The interrupted operation may have ended it already, and started another.
      if (this.#operations.life === life) await this.#operations.end(life)
    }).catch(error => this.#status.warn(error))
    this.#onLost(this.model.id, error)
    tell()
  }

  /** Watches a group that cannot be stopped until it has ended: only then is its GPU free. */
  async #watch (life: Life): Promise<void> {
    while (!await life.gone(stuckPause)) {
      if (this.#closed) return
    }
    await this.#queue.run(async () => {
      if (this.#operations.life !== life) return
      this.#operations.forget()
      this.#status.change('stopped', 'its processes are gone at last')
      this.#onFreed()
    })
  }
}
