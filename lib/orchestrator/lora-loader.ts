import type { Clock } from '../clock.ts'
import { AdapterError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import type { EngineState, LlmuxEvents } from '../events.ts'
import type { ResolvedModel } from '../options/types.ts'
import type { Driver } from './driver.ts'
import type { Life } from './life.ts'
import { withTimeLimit } from './time-limit.ts'

export interface LoaderContext {
  model: ResolvedModel
  driver: Driver
  clock: Clock
  events: LlmuxEvents
  /** The engine's state, its processes, and the signal that a stop aborts. */
  now: () => { state: EngineState, life: Life | undefined, epoch: AbortSignal }
  /** Runs an operation in its turn: no sleep and no wake is under way meanwhile. */
  run: (operation: () => Promise<void>) => Promise<void>
  /** Whether an engine that seems dead lives. */
  examine: (reason: string) => Promise<boolean>
}

/** One request's use of a LoRA adapter, which stays loaded until its release. */
export interface LoraUse {
  /**
   * Loads it; undefined if it is loaded. Resolves without having loaded it if the engine is not awake: its requests are frozen
   * then, or lost.
   *
   * @throws {AdapterError}
   */
  load: () => Promise<void> | undefined
  /** A second call does nothing. */
  release: () => void
}

/** Loads the LoRA adapters of one engine when requests need them, and unloads the least recently used. */
export class LoraLoader {
  readonly #context: LoaderContext
  /** The number of requests in flight for each. */
  readonly #users = new Map<string, number>()

  constructor (context: LoaderContext) {
    this.#context = context
  }

  /** The names of the loaded adapters, the least recently used first. */
  get loaded (): string[] {
    return [...this.#context.now().life?.adapters ?? []]
  }

  /** For one request or lease. Undefined if the model has no such adapter, or the engine has it from its start. */
  use (name: string): LoraUse | undefined {
    if (!Object.hasOwn(this.#context.model.adapterPaths, name)) return undefined
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1)
    let used = true
    return {
      load: () => this.#ensure(name),
      release: () => {
        if (used) this.#release(name)
        used = false
      }
    }
  }

  #release (name: string): void {
    const left = this.#users.get(name)! - 1
    if (left === 0) this.#users.delete(name)
    else this.#users.set(name, left)
  }

  #ensure (name: string): Promise<void> | undefined {
    const { state, life } = this.#context.now()
    if (state === 'awake' && life?.adapters.delete(name)) {
      life.adapters.add(name) // now the one that was used last
      return undefined
    }
    return this.#context.run(() => this.#load(name))
  }

  async #load (name: string): Promise<void> {
    const { model, driver, clock, events, now, examine } = this.#context
    const { state, life, epoch } = now()
    if (state !== 'awake' || life === undefined || life.adapters.has(name)) return
    try {
      await this.#makeRoom(life)
      const began = clock.now()
      await this.#limited(name, life, signal => driver.loadAdapter(model, name, signal))
      life.adapters.add(name)
      this.#tell(name, true, began)
    } catch (error) {
      // If the engine was stopped or has died, its requests fail or are repeated like all others.
      if (epoch.aborted || !await examine('it did not load a LoRA adapter')) return
      const failure = this.#failure(name, error as Error)
      events.emit('warning', { time: clock.now(), model: model.id, error: failure })
      throw failure
    }
  }

  /** Adapters that requests in flight need stay, even if there are too many. */
  async #makeRoom (life: Life): Promise<void> {
    const { model, driver, clock } = this.#context
    for (const name of life.adapters) {
      if (life.adapters.size < model.maxAdapters) return
      if (this.#users.has(name)) continue
      const began = clock.now()
      // A request that names it from now on loads it again in its turn.
      life.adapters.delete(name)
      await this.#limited(name, life, signal => driver.unloadAdapter(model, name, signal))
      this.#tell(name, false, began)
    }
  }

  /** What the engine says may contain paths, and is for operators. */
  #failure (name: string, error: Error): LlmuxError {
    if (error instanceof AdapterError) return error
    const failure = new AdapterError(name, this.#context.model.id, 'the engine refused', { cause: error })
    failure.lastLines = [error.message]
    return failure
  }

  #limited (name: string, life: Life, call: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { model: { id, timeouts: { reload: limit } }, clock, now } = this.#context
    const timeout = () => new AdapterError(name, id, `the engine did not answer within ${limit} ms`)
    return withTimeLimit({ clock, limit, timeout, signals: [now().epoch, life.dead] }, call)
  }

  #tell (adapter: string, loaded: boolean, began: number): void {
    const { model, clock, events } = this.#context
    const time = clock.now()
    events.emit('adapter', { time, model: model.id, adapter, loaded, duration: time - began })
  }
}
