import type { Clock } from '../../../lib/clock.ts'
import type { ResolvedModel } from '../../../lib/options/types.ts'
import type { Driver, Endpoint, EngineProcess, ProcessExit, SleepMode } from '../../../lib/orchestrator/driver.ts'

/** What it takes to end a group. */
export type Stamina = 'ends on SIGTERM' | 'ends on SIGKILL' | 'never ends'

/** A process group that does as it is told, or not. */
export class FakeProcess implements EngineProcess {
  readonly pid: number
  readonly signals: NodeJS.Signals[] = []
  stamina: Stamina = 'ends on SIGTERM'
  lines: string[] = []
  /** What is read of its output only after its end. */
  lateLines: string[] = []
  #alive = true
  #leader = true
  readonly #clock: Clock
  readonly #onExit: (exit: ProcessExit) => void
  readonly #waiters = new Set<() => void>()

  constructor (pid: number, clock: Clock, onExit: (exit: ProcessExit) => void) {
    this.pid = pid
    this.#clock = clock
    this.#onExit = onExit
  }

  get alive (): boolean {
    return this.#alive
  }

  lastLines (count: number): string[] {
    return this.lines.slice(-count)
  }

  signal (signal: NodeJS.Signals): void {
    this.signals.push(signal)
    const deadly = signal === 'SIGKILL' ? this.stamina !== 'never ends' : this.stamina === 'ends on SIGTERM'
    if (deadly) queueMicrotask(() => { this.vanish({ code: null, signal }) })
  }

  /** The leader ends, its children live on. */
  loseLeader (exit: ProcessExit = { code: 1, signal: null }): void {
    if (!this.#leader) return
    this.#leader = false
    this.#onExit(exit)
  }

  /** The whole group ends. */
  vanish (exit: ProcessExit = { code: 1, signal: null }): void {
    this.#alive = false
    this.loseLeader(exit)
    this.#waiters.forEach(waiter => waiter())
  }

  /** The whole group ends, and its leader's exit is not told yet: a zombie. */
  fade (): void {
    this.#alive = false
    this.#waiters.forEach(waiter => waiter())
  }

  gone (limit: number): Promise<boolean> {
    if (!this.#alive) return Promise.resolve(true)
    return new Promise(resolve => {
      const end = (gone: boolean) => {
        this.#clock.clearTimeout(timer)
        this.#waiters.delete(waiter)
        resolve(gone)
      }
      const waiter = () => end(true)
      const timer = this.#clock.setTimeout(() => end(false), limit)
      this.#waiters.add(waiter)
    })
  }

  async flushed (): Promise<void> {
    this.lines.push(...this.lateLines)
    this.lateLines = []
  }
}

type Call = (signal: AbortSignal) => Promise<unknown>

/** Never answers; gives up when it is told to, as a driver must. */
export const hangs: Call = signal => new Promise((resolve, reject) => {
  signal.addEventListener('abort', () => reject(new Error('aborted')))
})

/** Never answers, and does not even give up. */
export const isDeaf: Call = () => new Promise(() => {})

export const fails = (error: Error): Call => () => Promise.reject(error)

/** Engines without processes. What each step does is set in `does`; at first everything succeeds at once. */
export class FakeDriver implements Driver {
  readonly calls: string[] = []
  readonly processes: FakeProcess[] = []
  readonly does: Partial<Record<'prepare' | 'spawn' | 'probe' | 'responds' | 'version' | 'sleep' | 'wake' | 'wake weights' | 'wake kv_cache' | 'reload' | 'resetPrefixCache' | 'warmUp' | 'load' | 'unload', Call>> = {}
  stamina: Stamina = 'ends on SIGTERM'
  /** What `/version` says of its engines. */
  engineVersion: string | undefined = '0.32.0'
  closed = false
  readonly #clock: Clock

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** The process spawned last. */
  get process (): FakeProcess {
    return this.processes.at(-1)!
  }

  get alive (): FakeProcess[] {
    return this.processes.filter(process => process.alive)
  }

  async check (): Promise<void> {}

  async prepare (model: ResolvedModel): Promise<void> {
    await this.#call(model, 'prepare')
  }

  /** The process spawned last writes this. */
  write: (text: string) => void = () => {}
  readonly #writers = new Map<string, (text: string) => void>()

  /** The engine of that model writes this. */
  says (model: string, text: string): void {
    this.#writers.get(model)!(text)
  }

  async spawn (model: ResolvedModel, onExit: (exit: ProcessExit) => void, onText: (text: string) => void = () => {}): Promise<EngineProcess> {
    this.write = onText
    this.#writers.set(model.id, onText)
    await this.#call(model, 'spawn')
    const process = new FakeProcess(100 + this.processes.length, this.#clock, onExit)
    process.stamina = this.stamina
    this.processes.push(process)
    return process
  }

  endpoint (model: ResolvedModel): Endpoint {
    return { origin: `http://${model.id}` } as Endpoint
  }

  disconnect (model: ResolvedModel, gently: boolean): void {
    this.calls.push(`${model.id} disconnect${gently ? ' gently' : ''}`)
  }

  async responds (model: ResolvedModel, signal: AbortSignal): Promise<boolean> {
    return await this.#call(model, 'responds', signal) !== false
  }

  async probe (model: ResolvedModel, signal: AbortSignal): Promise<boolean> {
    return await this.#call(model, 'probe', signal) !== false
  }

  async version (model: ResolvedModel, signal: AbortSignal): Promise<string | undefined> {
    await this.#call(model, 'version', signal)
    return this.engineVersion
  }

  async sleep (model: ResolvedModel, level: 1 | 2, mode: SleepMode, signal: AbortSignal): Promise<void> {
    await this.#call(model, 'sleep', signal, ` ${level}${mode === 'keep' ? ' keep' : ''}`)
  }

  async wake (model: ResolvedModel, tag: 'weights' | 'kv_cache' | undefined, signal: AbortSignal): Promise<void> {
    await this.#call(model, tag === undefined ? 'wake' : `wake ${tag}`, signal)
  }

  async reload (model: ResolvedModel, signal: AbortSignal): Promise<void> {
    await this.#call(model, 'reload', signal)
  }

  async resetPrefixCache (model: ResolvedModel, signal: AbortSignal): Promise<void> {
    await this.#call(model, 'resetPrefixCache', signal)
  }

  async loadAdapter (model: ResolvedModel, name: string, signal: AbortSignal): Promise<void> {
    await this.#call(model, 'load', signal, ` ${name}`)
  }

  async unloadAdapter (model: ResolvedModel, name: string, signal: AbortSignal): Promise<void> {
    await this.#call(model, 'unload', signal, ` ${name}`)
  }

  async warmUp (model: ResolvedModel, signal: AbortSignal): Promise<boolean> {
    return await this.#call(model, 'warmUp', signal) !== false
  }

  async close (): Promise<void> {
    this.closed = true
  }

  async #call (model: ResolvedModel, name: keyof FakeDriver['does'], signal = new AbortController().signal, detail = ''): Promise<unknown> {
    this.calls.push(`${model.id} ${name}${detail}`)
    return await this.does[name]?.(signal)
  }
}
