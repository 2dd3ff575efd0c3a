import type { SleepReport } from '../engines/index.ts'
import type { WakeSteps } from '../events.ts'
import type { ResolvedModel, SleepLevel } from '../options/types.ts'
import type { EngineStatus } from './engine-status.ts'
import type { HostBudget } from './memory/host-budget.ts'
import type { Sleepers } from './memory/memory-at-hand.ts'
import type { Life } from './life.ts'
import type { MemoryWatch, Settlement } from './memory/memory-watch.ts'

export interface EngineMemoryContext {
  model: ResolvedModel
  status: EngineStatus
  /** Undefined if GPU memory cannot be read: then only the end of processes counts. */
  memory: MemoryWatch | undefined
  host: HostBudget
  sleepers: Sleepers
}

/** The GPU memory of one engine, while it is brought up. */
export class EngineMemory {
  readonly #context: EngineMemoryContext
  #took: number | undefined
  #report: SleepReport | undefined

  constructor (context: EngineMemoryContext) {
    // A server that runs elsewhere takes nothing here.
    this.#context = context.model.url === undefined ? context : { ...context, memory: undefined }
  }

  /** Milliseconds waited since `reset`; undefined if there was nothing to wait for, or no way to know. */
  get took (): number | undefined {
    return this.#took
  }

  /** The same, as a step of bringing an engine up. */
  get steps (): WakeSteps {
    return this.#took === undefined ? {} : { memory: this.#took }
  }

  /** What the engine has said of its last sleep and wake; undefined if nothing. Its lines may come a moment after its answer. */
  get report (): SleepReport | undefined {
    return this.#report
  }

  /** Called before the engine starts, wakes or goes to sleep. */
  reset (): void {
    this.#took = undefined
  }

  /** Before a start. Resolves with the share of each GPU that the engine is to be told to take, if it is to be told. */
  async awaitStart (signals: AbortSignal[]): Promise<number | undefined> {
    const { model, memory, host, sleepers } = this.#context
    host.reset(model)
    this.#report = undefined
    await this.#wait('start', signals)
    memory?.taking()
    return memory?.shareFor(model, sleepers)
  }

  /** Before a wake. In a plain switch it is known beforehand that there is enough, and nothing is waited for. */
  async awaitWake (signals: AbortSignal[]): Promise<void> {
    const { model, memory } = this.#context
    if (memory === undefined) return
    if (memory.expects(model) || (memory.knowsNeed(model) && !await memory.foresees(model))) await this.#wait('wake', signals)
  }

  /** A line of its output, which may say what it has loaded, or what a sleep has freed. */
  read (line: string): void {
    const { model, memory, host } = this.#context
    host.readLine(model, line)
    const report = model.engine.readSleepReport?.(line)
    if (report === undefined) return
    this.#report = { ...this.#report, ...report }
    memory?.learn(model, report)
  }

  /** Called before the engine goes to sleep. */
  sleeping (): void {
    this.#report = undefined
    this.#context.memory?.sleeping()
  }

  /** Called before the engine takes memory. */
  taking (): void {
    this.#context.memory?.taking()
  }

  /** 1, or a deeper level where host memory has no room for what its first sleep pins there. */
  async levelOfSleep ({ pinned }: Life, frozen: number): Promise<SleepLevel> {
    const { model, host } = this.#context
    return pinned || model.sleepMode !== true ? 1 : await host.levelFor(model, frozen)
  }

  async slept (life: Life, level: 1 | 2): Promise<void> {
    const { model, memory, host } = this.#context
    memory?.slept(model)
    if (level === 2 || life.pinned || model.sleepMode !== true || life.pid === undefined) return
    life.pinned = true
    await host.learn(model, life.pid)
  }

  /** Called when the processes have ended, or have failed to take or free memory: what is known of the memory no longer holds. */
  release (): void {
    const { model, memory, host } = this.#context
    host.reset(model)
    memory?.release(model.gpus)
  }

  /** Called when the engine serves: reads memory in the background. `stays`: whether the engine that has just started still runs. */
  observe (stays: () => boolean): void {
    const { model, status, memory } = this.#context
    const { since } = status
    memory?.observe(model, () => stays() && status.since === since && status.state === 'awake').catch(() => {
      // The wait before the start has told already what is wrong with the command.
    })
  }

  async #wait (purpose: Settlement['purpose'], signals: AbortSignal[]): Promise<void> {
    const { model, status, memory, sleepers } = this.#context
    const took = await memory?.settle(model, { purpose, signals, sleepers, warn: error => status.warn(error) })
    if (took !== undefined) this.#took = (this.#took ?? 0) + took
  }
}
