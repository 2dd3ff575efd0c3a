import type { Clock } from '../clock.ts'
import type { LlmuxError } from '../errors.ts'

export interface BackoffContext {
  clock: Clock
  /** From 0 up to 1, as Math.random gives it. */
  random: () => number
}

/**
 * Milliseconds. The first pause is for short obstacles: a port not yet free, memory that is still being released. The
 * longest is the wait after a fix, unless the operator uses `switchTo`; each try of a failing vLLM costs a minute of GPU and
 * processor.
 */
const firstPause = 1_000
const growth = 2
const longestPause = 60_000

/** By so much of it a pause may be shorter: several gateways that failed together shall not try again together. */
const jitter = 0.25

/** The same error once more, with what is known now of when to come back. */
function repeat (error: Error, retryAfter: number): Error {
  const copy: LlmuxError = Object.create(Object.getPrototypeOf(error), Object.getOwnPropertyDescriptors(error))
  copy.retryAfter = retryAfter
  return copy
}

/** Keeps an engine that fails to start from being started again and again: nobody is evicted for it meanwhile. */
export class StartBackoff {
  readonly #context: BackoffContext
  #failures = 0
  #retryAt = 0
  #error: Error | undefined

  constructor (context: BackoffContext) {
    this.#context = context
  }

  /** Starts that failed in a row. */
  get failures (): number {
    return this.#failures
  }

  /** When it may be tried again, in milliseconds since the epoch; undefined if it may be now. */
  get retryAt (): number | undefined {
    return this.#retryAt > this.#context.clock.now() ? this.#retryAt : undefined
  }

  failed (error: Error): void {
    const { clock, random } = this.#context
    const pause = Math.min(firstPause * growth ** this.#failures, longestPause)
    this.#failures++
    this.#retryAt = clock.now() + pause * (1 - jitter * random())
    this.#error = error
    const told: LlmuxError = error as LlmuxError
    told.retryAfter = this.#secondsLeft()
  }

  succeeded (): void {
    this.#failures = 0
    this.#retryAt = 0
    this.#error = undefined
  }

  /** @throws what the last start failed with, as long as the pause lasts. `retryAfter` says for how long. */
  check (): void {
    if (this.retryAt !== undefined) throw repeat(this.#error!, this.#secondsLeft())
  }

  #secondsLeft (): number {
    return Math.ceil((this.#retryAt - this.#context.clock.now()) / 1_000)
  }
}
