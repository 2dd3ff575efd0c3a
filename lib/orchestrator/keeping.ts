import { FreezeUnsupportedError } from '../errors.ts'
import type { ResolvedModel } from '../options/types.ts'
import type { SleepMode } from './driver.ts'

/** Whether requests of a model are ever to be frozen. Level 2 discards LoRA adapters, and a frozen request would continue without its own. */
export function mayFreeze ({ engine, freeze, sleepLevel, sleepMode, adapters }: Pick<ResolvedModel, 'engine' | 'freeze' | 'sleepLevel' | 'sleepMode' | 'adapters'>): boolean {
  if (sleepLevel === 2 && adapters.length > 0) return false
  return engine.freeze !== undefined && freeze !== false && sleepMode !== false && sleepLevel !== 3
}

/** The requests that an engine is put to sleep with, and that it goes on with when it is awake again. */
export class KeptRequests {
  /** Whether this life of the engine can keep any. */
  possible = false
  readonly #onLost: (error: Error) => void
  #any = false

  /** `onLost` is called when it holds some, and holds them no more. */
  constructor (onLost: (error: Error) => void) {
    this.#onLost = onLost
  }

  /** Asks the engine for its version, once after each start. */
  async learn (model: ResolvedModel, ask: () => Promise<string | undefined>, warn: (error: Error) => void): Promise<void> {
    if (!mayFreeze(model)) return
    const version = await ask()
    const level = model.sleepLevel as 1 | 2
    const { name, freeze } = model.engine
    this.possible = freeze!.keeps(version, level)
    if (!this.possible) warn(new FreezeUnsupportedError(model.id, `${name} ${freeze!.since(level)}`, level, version ?? 'nothing'))
  }

  /** Whether it holds any. */
  get any (): boolean {
    return this.#any
  }

  /** The engine goes to sleep with this number of requests. */
  hold (count: number): SleepMode {
    this.#any = count > 0
    return this.#any ? 'keep' : 'wait'
  }

  /** The engine is awake and continues them. */
  resume (): void {
    this.#any = false
  }

  /** The engine cannot continue them. Called before their connections break. */
  lose (error: Error): void {
    if (!this.#any) return
    this.#any = false
    this.#onLost(error)
  }

  /** This life of the engine is over. */
  forget (): void {
    this.#any = this.possible = false
  }
}
