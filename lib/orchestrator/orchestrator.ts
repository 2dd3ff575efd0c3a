import type { Clock } from '../clock.ts'
import { ClosingError, GpuBlockedError, GpuClaimedError, ModelNotFoundError } from '../errors.ts'
import type { EngineState, LlmuxEvents, WakeSteps } from '../events.ts'
import { mayLiveOn } from '../options/gpus.ts'
import type { ResolvedModel, SleepLevel } from '../options/types.ts'
import type { Driver, Endpoint } from './driver.ts'
import { Engine } from './engine.ts'
import type { LoraUse } from './lora-loader.ts'
import type { SleepOptions, WakeOptions } from './engine.ts'
import type { GpuClaims } from './gpus/claims.ts'
import type { GpuProcess, ReadProcesses } from './memory/gpu-processes.ts'
import { HostBudget } from './memory/host-budget.ts'
import { groupMemory } from './memory/host-memory.ts'
import type { ReadMemory } from './memory/memory-command.ts'
import type { Sleepers } from './memory/memory-at-hand.ts'
import type { MemorySeen } from './memory/memory-reader.ts'
import { MemoryWatch } from './memory/memory-watch.ts'

export interface OrchestratorOptions {
  driver: Driver
  clock: Clock
  events: LlmuxEvents
  /** How GPU memory is read. Without it the end of processes is all there is to go by. */
  readMemory?: ReadMemory
  /** How it is seen who holds it. */
  readProcesses?: ReadProcesses
  /** Bytes of host memory that engines may hold together. Default: all there is. */
  hostMemory?: number
  /** What would be lost by ending a model that sleeps: milliseconds of starts, for each millisecond. Default: nobody knows, and who has slept longest goes first. */
  missed?: (id: string) => number
  /** Settles when what earlier gateways left behind is gone, with whether there was anything. Nothing is started before. */
  orphans?: Promise<boolean>
  /** Which GPUs are ours. Default: all of them. */
  claims?: GpuClaims
  /** From 0 up to 1. Default Math.random. */
  random?: () => number
  /** Called at once when a running engine, awake or asleep, is known to have died unexpectedly. */
  onLost: (id: string, error: Error) => void
  /** Called when processes that could not be stopped have ended after all. Default: nobody needs to know. */
  onFreed?: () => void
}

/** The view of one engine. */
export type EngineSnapshot = ReturnType<Engine['snapshot']>

/** Owns every engine: starts, wakes, puts to sleep, stops, recovers. Knows nothing of requests, nor of which model should be awake. */
export class Orchestrator {
  readonly #options: OrchestratorOptions
  readonly #driver: Driver
  readonly #engines: Map<string, Engine>
  readonly #memory: MemoryWatch | undefined
  readonly #host: HostBudget
  #orphans: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor (models: ResolvedModel[], options: OrchestratorOptions) {
    const { driver, clock, readMemory, readProcesses, hostMemory: limit = Infinity } = options
    this.#options = options
    this.#driver = driver
    this.#memory = readMemory && new MemoryWatch({ clock, read: readMemory, readProcesses, ownGroups: () => this.#groups })
    const warn = (model: string, error: Error) => { options.events.emit('warning', { time: clock.now(), model, error }) }
    this.#host = new HostBudget({ limit, users: () => [...this.#engines.values()], read: groupMemory, missed: id => this.#missed(id), warn })
    this.#engines = new Map()
    models.forEach(model => this.add(model))
    if (options.orphans !== undefined) this.awaitOrphans(options.orphans)
  }

  has (id: string): boolean {
    return this.#engines.has(id)
  }

  model (id: string): ResolvedModel {
    return this.#engine(id).model
  }

  /** There must be none of that id. */
  add (model: ResolvedModel): void {
    const { random = Math.random } = this.#options
    const sleepers: Sleepers = {
      models: () => this.#sleepers(model).map(({ model }) => model),
      possible: () => [...this.#engines.values()].map(({ model }) => model).filter(other => other.id !== model.id && mayKeep(other) && mayLiveOn(other).some(gpu => model.gpus.includes(gpu))),
      end: async () => await this.#sleepers(model)[0]?.stop('it makes room for a start')
    }
    this.#engines.set(model.id, new Engine({ ...this.#options, random, model, memory: this.#memory, host: this.#host, sleepers }))
  }

  /** The engine must have no processes. */
  remove (id: string): void {
    const { model } = this.#engine(id)
    this.#engines.delete(id)
    // Another one of that id may have another address, or another key.
    this.#driver.disconnect(model, true)
  }

  /** Nothing is started before what other gateways have left behind is gone. Resolves with whether there was anything. */
  awaitOrphans (orphans: Promise<boolean>): void {
    const all = Promise.all([orphans, this.#orphans]).then(([found]) => {
      if (this.#orphans === all) this.#orphans = undefined
      if (!found) return
      for (const { model } of this.#engines.values()) this.#memory?.release(model.gpus)
    })
    this.#orphans = all
  }

  /** Why a model cannot be started for as long as another gateway runs. */
  obstacle (id: string): Error | undefined {
    const holder = this.#options.claims?.take(this.#engine(id).model.gpuNames)
    return holder && new GpuClaimedError(id, holder.gpu, holder.pid)
  }

  /**
   * Checks what can be known of a model when the server starts.
   *
   * @throws {NotStartableError}
   */
  async check (id: string): Promise<void> {
    await this.#driver.check(this.#engine(id).model)
  }

  /**
   * Checks what can be known before anybody is put to sleep for it. Nothing to check if the engine runs.
   *
   * @throws {NotStartableError} or, in the pause after starts that failed, what the last one failed with, with `retryAfter`
   */
  async prepare (id: string, { force }: WakeOptions = {}): Promise<void> {
    if (this.#closing !== undefined) throw new ClosingError()
    this.#claim(id)
    // What an earlier gateway left holds memory, and perhaps the port.
    await this.#orphans
    // Others are served meanwhile: later, nobody would be.
    await Promise.all([this.#engine(id).prepare(force), this.#memory?.prepare(this.model(id))])
  }

  /**
   * Starts or wakes; resolves when the engine serves. Callers at the same time share one start. After a wake that fails
   * the engine is ended and started afresh. It is left asleep if somebody else holds the memory that it needs. If the
   * start fails, or is interrupted by a stop, it rejects when the process group is gone; with StopError if the group
   * cannot be ended. For some time after a start that failed it rejects at once with the same error, whose `retryAfter`
   * says for how long.
   *
   * @throws {SpawnError | StartTimeoutError | ProcessDiedError | WakeError | WakeTimeoutError | ReloadTimeoutError | GpuBlockedError | GpuClaimedError | GpuMemoryError | StopError | ClosingError}
   */
  async wake (id: string, options: WakeOptions = {}): Promise<void> {
    const engine = this.#engine(id)
    this.#claim(id)
    if (this.#orphans !== undefined) await this.#orphans
    const others = this.#neighbours(engine)
    // The remains of an engine that died hold memory until they are gone.
    const cleanUps = others.flatMap(other => other.cleanUp ?? [])
    if (cleanUps.length > 0) await Promise.all(cleanUps)
    const blocker = others.find(other => other.stuck)
    if (blocker !== undefined) throw new GpuBlockedError(id, blocker.model.id)
    await engine.wake(options)
  }

  /**
   * Resolves when the memory is released, also when that took ending the process group because the sleep failed: a
   * `warning` event says so then. Does nothing if the engine sleeps or does not run. Level 3 ends the group. With
   * `frozen` requests in flight the engine keeps them; `onLost` is called when it cannot, and at its end.
   *
   * @throws {StopError}
   */
  async sleep (id: string, level?: SleepLevel, options: SleepOptions = {}): Promise<void> {
    await this.#engine(id).sleep(level, options)
  }

  /**
   * Ends the process group: SIGTERM, SIGKILL after `timeouts.stop`. What the engine is doing is interrupted, and what it
   * was asked for before is not done any more. If the group is not even ended by SIGKILL, `holdsGpu` is true until it is.
   *
   * @throws {StopError}
   */
  async stop (id: string): Promise<void> {
    await this.#engine(id).stop()
  }

  /** Treats a running engine as dead although its process has not ended: it is ended, and started afresh by the next `wake`. */
  fail (id: string, error: Error): void {
    this.#engine(id).fail(error)
  }

  /** Whether an awake engine that seems dead lives. If it does not, it is treated as dead from now on: `onLost` is called. */
  async examine (id: string, reason: string): Promise<boolean> {
    return await this.#engine(id).examine(reason)
  }

  /** Whether the core of an awake engine answers, which `/health` does not tell, within `timeouts.health`. */
  async responds (id: string): Promise<boolean> {
    return await this.#engine(id).responds()
  }

  /** The LoRA adapter of that name, for one request or lease; undefined if the model has none that is loaded on request. */
  adapterFor (id: string, name: string): LoraUse | undefined {
    return this.#engine(id).adapters.use(name)
  }

  endpoint (id: string): Endpoint {
    return this.#engine(id).endpoint
  }

  state (id: string): EngineState {
    return this.#engine(id).state
  }

  /** Whether its next time awake begins with a start: it does not run, or does not sleep when it makes way. */
  cold (id: string): boolean {
    const { state, model } = this.#engine(id)
    if (state === 'awake' || state === 'sleeping') return model.sleepLevel === 3
    return state !== 'asleep' && state !== 'waking'
  }

  /** Whether it can be put to sleep with requests in flight, which it keeps: its version and its options allow it. */
  keepsRequests (id: string): boolean {
    return this.#engine(id).keeps
  }

  /** Whether its next sleep at level 1 is the first of its processes, in which host memory is pinned. */
  pins (id: string): boolean {
    return this.#engine(id).pins
  }

  /** Bytes of host memory that engines may hold together; undefined if there is no limit. */
  get hostMemoryLimit (): number | undefined {
    return this.#host.limit === Infinity ? undefined : this.#host.limit
  }

  /** Bytes of host memory that its processes held when they were last looked at: about its first sleep at level 1. */
  hostMemory (id: string): number | undefined {
    return this.#host.held(id)
  }

  /** Whether it has processes, or is about to. */
  runs (id: string): boolean {
    return this.#engine(id).runs
  }

  /** Whether the engine still holds its GPU although it was to go: its processes cannot be ended. */
  holdsGpu (id: string): boolean {
    return this.#engine(id).stuck
  }

  /** Milliseconds of what bringing the engine up consisted of, the last time. */
  steps (id: string): WakeSteps {
    return this.#engine(id).steps
  }

  /** GPU memory as it was last looked at: before a cold start, and when a process group has ended. Undefined where nobody can. */
  get memorySeen (): MemorySeen | undefined {
    return this.#memory?.seen
  }

  /**
   * Looks at it now, for somebody who wants to see it. Resolves with who holds it, undefined where nobody can tell.
   *
   * @throws {MemoryCommandError | MemoryTimeoutError}
   */
  async lookAtMemory (): Promise<GpuProcess[] | undefined> {
    return await this.#memory?.look()
  }

  snapshot (id: string): EngineSnapshot {
    return this.#engine(id).snapshot()
  }

  /** What the engine wrote last, oldest first; also after its end. At most 1 000 lines are kept. */
  lastLines (id: string, count: number): string[] {
    return this.#engine(id).lastLines(count)
  }

  /**
   * Ends all engines at once, also those in the middle of a start, and starts none from now on.
   *
   * @throws {StopError | AggregateError} if process groups cannot be ended
   */
  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    const ends = await Promise.allSettled([...this.#engines.values()].map(engine => engine.close()))
    this.#memory?.close()
    this.#options.claims?.close()
    await this.#driver.close()
    const errors = ends.flatMap(end => end.status === 'rejected' ? [end.reason] : [])
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, 'engines cannot be ended')
  }

  /** @throws {GpuClaimedError} */
  #claim (id: string): void {
    const error = this.obstacle(id)
    if (error !== undefined) throw error
  }

  /** The leaders of our process groups. */
  get #groups (): number[] {
    return [...this.#engines.values()].flatMap(engine => engine.pid ?? [])
  }

  /** The sleeping engines on a model's GPUs, the least missed first, and among equals the one that has slept longest. */
  #sleepers (model: ResolvedModel): Engine[] {
    const asleep = this.#neighbours({ model }).filter(({ asleepSince }) => asleepSince !== undefined)
    return asleep.sort((a, b) => this.#missed(a.model.id) - this.#missed(b.model.id) || a.asleepSince! - b.asleepSince!)
  }

  #missed (id: string): number {
    return this.#options.missed?.(id) ?? 0
  }

  /** The other engines that live on a GPU of this one. */
  #neighbours ({ model: { id, gpus } }: Pick<Engine, 'model'>): Engine[] {
    return [...this.#engines.values()].filter(({ model }) => model.id !== id && model.gpus.some(gpu => gpus.includes(gpu)))
  }

  #engine (id: string): Engine {
    const engine = this.#engines.get(id)
    if (engine === undefined) throw new ModelNotFoundError(id)
    return engine
  }
}

/** Whether it holds a part of its GPU while it sleeps. */
const mayKeep = ({ sleepLevel, sleepMode }: ResolvedModel): boolean => sleepMode === true && sleepLevel !== 3
