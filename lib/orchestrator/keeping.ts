import { FreezeUnsupportedError } from '../errors.ts'
import type { ResolvedModel } from '../options/types.ts'
import type { SleepMode } from './driver.ts'

/**
 * The first minor version of 0.x that goes on after a sleep at this level. `mode=keep` came with vLLM 0.17, in
 * vllm-project/vllm#34528. From level 2 that one lets requests go on when the weights are allocated, before they are loaded:
 * garbage. 0.26 and 0.32 wait for the last tag; where between them and 0.17 that changed is not known.
 */
const firstVersion = { 1: 17, 2: 26 } as const

/** Whether an engine of this version goes on after a sleep with the requests that it had. */
export function keepsRequests (version: string | undefined, level: 1 | 2): boolean {
  const [, major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(version ?? '') ?? []).map(Number)
  return major > 0 || minor >= firstVersion[level]
}

/** Whether requests of a model are ever to be frozen. */
export function mayFreeze ({ freeze, sleepLevel, sleepMode }: Pick<ResolvedModel, 'freeze' | 'sleepLevel' | 'sleepMode'>): boolean {
  return freeze !== false && sleepMode !== false && sleepLevel !== 3
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

  /** What its version says, asked once in each of its lives. */
  async learn (model: ResolvedModel, ask: () => Promise<string | undefined>, warn: (error: Error) => void): Promise<void> {
    if (!mayFreeze(model)) return
    const version = await ask()
    const level = model.sleepLevel as 1 | 2
    this.possible = keepsRequests(version, level)
    if (!this.possible) warn(new FreezeUnsupportedError(model.id, `0.${firstVersion[level]}`, level, version ?? 'nothing'))
  }

  /** Whether it holds any. */
  get any (): boolean {
    return this.#any
  }

  /** It goes to sleep with so many. */
  hold (count: number): SleepMode {
    this.#any = count > 0
    return this.#any ? 'keep' : 'wait'
  }

  /** It goes on with them. */
  resume (): void {
    this.#any = false
  }

  /** It cannot go on with them. Told before their connections break. */
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
