import type { Clock } from '../clock.ts'
import { HealthTimeoutError, ProcessDiedError, ReloadTimeoutError, ResetPrefixCacheTimeoutError, SleepTimeoutError, StartTimeoutError, WakeError, WakeTimeoutError } from '../errors.ts'
import type { WakeStep } from '../engines/index.ts'
import type { ModelTimeouts, ResolvedModel } from '../options/types.ts'
import type { Driver, SleepMode } from './driver.ts'
import { withLastWords } from './last-words.ts'
import type { StepTimer } from './step-timer.ts'
import { pause, withTimeLimit } from './time-limit.ts'
import { keepVigil } from './vigil.ts'

export interface StepContext {
  model: ResolvedModel
  driver: Driver
  clock: Clock
  timer: StepTimer
  /** What makes it pointless to continue: the process is dead, or no longer wanted. */
  signals: AbortSignal[]
  /** What it wrote last. */
  lastWords: () => string[]
  /** The engine is found dead, which its process does not show. */
  onDead: (error: Error) => void
  warn: (error: Error) => void
}

/** A probe is cheap, and the gateway must notice a healthy engine within 50 ms; one that starts quickly, sooner. Milliseconds. */
const probePause = (elapsed: number) => Math.min(Math.max(5, elapsed / 50), 45)

/** The calls that bring an engine up or put it to sleep, each under a time limit of its own. */
export class EngineSteps {
  readonly #context: StepContext

  constructor (context: StepContext) {
    this.#context = context
  }

  /** Until it is healthy. */
  async start (): Promise<void> {
    const { model: { id, timeouts: { start } }, lastWords } = this.#context
    await this.#limited('start', () => withLastWords(new StartTimeoutError(id, start), lastWords()), async signal => {
      const { clock } = this.#context
      const begin = clock.now()
      while (!signal.aborted && !await this.#probe(signal)) await pause(clock, probePause(clock.now() - begin), signal)
    })
  }

  /** What the engine says it is; undefined if it does not say, or not in time. */
  async version (): Promise<string | undefined> {
    const { model, model: { id, timeouts }, driver, signals } = this.#context
    const timeout = () => new HealthTimeoutError(id, timeouts.health)
    try {
      return await this.#limited('health', timeout, signal => driver.version(model, signal))
    } catch {
      for (const signal of signals) signal.throwIfAborted()
      return undefined // Too late: it has reported nothing.
    }
  }

  /** From the level it sleeps at, by the calls that its engine asks for. */
  async wake (level: 1 | 2): Promise<void> {
    const { model: { engine } } = this.#context
    for (const step of engine.wakeSteps?.(level) ?? ['wake'] as const) await this.#take(step)
  }

  /** One token, so that the first user does not pay for what the first request initialises, and as proof that the engine answers. */
  async warmUp (): Promise<void> {
    const { model, model: { id, timeouts }, driver, warn } = this.#context
    const generates = await this.#controlled('wake', () => new WakeTimeoutError(id, timeouts.wake), signal => driver.warmUp(model, signal))
    if (!generates) warn(new WakeError(id, 'no warm-up: the model does not answer /v1/completions'))
  }

  async sleep (level: 1 | 2, mode: SleepMode): Promise<void> {
    const { model, model: { id, timeouts }, driver } = this.#context
    await this.#controlled('sleep', () => new SleepTimeoutError(id, timeouts.sleep), signal => driver.sleep(model, level, mode, signal))
  }

  async #take (step: WakeStep): Promise<void> {
    switch (step) {
      case 'wake': return await this.#wake(undefined)
      case 'wake weights': return await this.#wake('weights')
      case 'wake kv_cache': return await this.#wake('kv_cache')
      case 'reload': return await this.#reload()
      case 'resetPrefixCache': return await this.#resetPrefixCache()
    }
  }

  async #reload (): Promise<void> {
    const { model, model: { id, timeouts }, driver, timer } = this.#context
    const timeout = () => new ReloadTimeoutError(id, timeouts.reload)
    await timer.time('reload', () => this.#controlled('reload', timeout, signal => driver.reload(model, signal)))
  }

  async #wake (tag: 'weights' | 'kv_cache' | undefined): Promise<void> {
    const { model, model: { id, timeouts }, driver, timer } = this.#context
    const timeout = () => new WakeTimeoutError(id, timeouts.wake)
    await timer.time('wake', () => this.#controlled('wake', timeout, signal => driver.wake(model, tag, signal)))
  }

  /** Best effort: the cache was empty after the sleep, so a failure costs nothing that can be named. */
  async #resetPrefixCache (): Promise<void> {
    const { model, model: { id, timeouts }, driver, signals, warn } = this.#context
    const timeout = () => new ResetPrefixCacheTimeoutError(id, timeouts.resetPrefixCache)
    try {
      await this.#controlled('resetPrefixCache', timeout, signal => driver.resetPrefixCache(model, signal))
    } catch (error) {
      for (const signal of signals) signal.throwIfAborted()
      warn(error as Error)
    }
  }

  /** Undefined if it does not answer in time, which is a warning. */
  async #probe (signal: AbortSignal): Promise<boolean | undefined> {
    const { model, model: { id, timeouts }, driver, clock, warn } = this.#context
    const timeout = () => new HealthTimeoutError(id, timeouts.health)
    try {
      return await withTimeLimit({ clock, limit: timeouts.health, timeout, signals: [signal] }, signal => driver.probe(model, signal))
    } catch (error) {
      // If what the probe is for is over, its own error says so.
      if (!signal.aborted) warn(error as Error)
      return undefined
    }
  }

  #controlled<T> (name: keyof ModelTimeouts, timeout: () => Error, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { model: { id }, clock, onDead } = this.#context
    return keepVigil({
      clock,
      isHealthy: signal => this.#probe(signal),
      onDead: () => onDead(new ProcessDiedError(id, 'it is not healthy any more during a control call'))
    }, () => this.#limited(name, timeout, call))
  }

  #limited<T> (name: keyof ModelTimeouts, timeout: () => Error, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { model, clock, signals } = this.#context
    return withTimeLimit({ clock, limit: model.timeouts[name], timeout, signals }, call)
  }
}
