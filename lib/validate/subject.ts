import { request } from 'undici'
import type { Clock } from '../clock.ts'
import { SleepError, WakeError, WedgedError } from '../errors.ts'
import { LlmuxEvents } from '../events.ts'
import type { ResolvedModel, ResolvedOptions, SleepLevel } from '../options/types.ts'
import { localOrchestrator } from '../orchestrator/local/local-orchestrator.ts'
import type { Endpoint } from '../orchestrator/driver.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import { withTimeLimit } from '../orchestrator/time-limit.ts'
import { ask, write } from './question.ts'
import { timedDriver } from './timed-driver.ts'

/** How many times as long a long answer may take as a short one. */
const longer = 20

export interface SubjectContext {
  model: ResolvedModel
  options: Pick<ResolvedOptions, 'gpuMemoryCommand'>
  clock: Clock
  signal: AbortSignal
  onLine: (model: string, stream: 'stdout' | 'stderr', line: string) => void
}

/**
 * One model's engine under the orchestrator that serves in production. That one makes good what fails: an engine that does
 * not wake is started afresh. Here such a thing is a failure, and says what went wrong.
 */
export class Subject {
  /** Called with the duration of each control call, in milliseconds. */
  onTime: (phase: string, duration: number) => void = () => {}
  readonly model: ResolvedModel
  readonly #clock: Clock
  readonly #orchestrator: Orchestrator
  #warnings: Error[] = []
  #lost: Error | undefined

  constructor ({ model, options: { gpuMemoryCommand }, clock, signal, onLine }: SubjectContext) {
    const events = new LlmuxEvents()
    events.on('warning', ({ error }) => this.#warnings.push(error))
    this.model = model
    this.#clock = clock
    this.#orchestrator = localOrchestrator({
      // What it waits for before a start is memory that is still on its way back.
      options: { models: [model], gpuMemoryCommand, hostMemory: Infinity },
      clock,
      events,
      onLine,
      onLost: (_, error) => { this.#lost = error },
      wrapDriver: driver => timedDriver(driver, clock, (phase, duration) => this.onTime(phase, duration))
    })
    // Waiters for an engine learn of it this way.
    signal.addEventListener('abort', () => { this.close().catch(error => this.#warnings.push(error)) })
  }

  get pid (): number | undefined {
    return this.#orchestrator.snapshot(this.model.id).pid
  }

  /** What was warned of since it was last asked. */
  takeWarnings (): Error[] {
    return this.#warnings.splice(0)
  }

  async start (): Promise<void> {
    await this.#orchestrator.prepare(this.model.id, { force: true })
    await this.#orchestrator.wake(this.model.id, { force: true })
  }

  /** With so many requests in flight, which it keeps. */
  async sleep (level: SleepLevel, frozen = 0): Promise<void> {
    await this.#orchestrator.sleep(this.model.id, level, { frozen })
    const { state, error } = this.#orchestrator.snapshot(this.model.id)
    if (state !== (level === 3 ? 'stopped' : 'asleep')) throw error ?? new SleepError(this.model.id, `it is ${state}`)
  }

  async wake (): Promise<void> {
    const former = this.pid
    const seen = this.#warnings.length
    if (former === undefined) return await this.start()
    await this.#orchestrator.wake(this.model.id, { force: true })
    const [first] = this.#warnings.slice(seen)
    if (this.pid !== former) throw first ?? new WakeError(this.model.id, 'it had to be started afresh')
  }

  async ask (): Promise<string> {
    return await this.#question(1, (endpoint, signal) => ask(endpoint, this.model.id, signal))
  }

  /** A text many times as long, undefined if it makes none. `onBegin` is called when the first of it has come. */
  async write (onBegin = () => {}): Promise<string | undefined> {
    return await this.#question(longer, (endpoint, signal) => write(endpoint, this.model.id, signal, onBegin))
  }

  /** What it says it is; undefined if it does not say. */
  async version (): Promise<string | undefined> {
    const { origin, dispatcher } = this.#orchestrator.endpoint(this.model.id)
    const { body } = await request(`${origin}/version`, { dispatcher })
    return (await body.json() as { version?: string }).version
  }

  async #question<T> (times: number, put: (endpoint: Endpoint, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { model: { id, timeouts: { wedged } } } = this
    const limit = times * wedged
    const timeout = () => new WedgedError(id, limit)
    try {
      return await withTimeLimit({ clock: this.#clock, limit, timeout, signals: [] }, signal => put(this.#orchestrator.endpoint(id), signal))
    } catch (error) {
      // How it fares says more than a broken connection does.
      await this.#orchestrator.examine(id, (error as Error).message)
      throw this.#lost ?? error
    }
  }

  async stop (): Promise<void> {
    await this.#orchestrator.stop(this.model.id)
  }

  async close (): Promise<void> {
    await this.#orchestrator.close()
  }
}
