import type { Clock } from '../clock.ts'
import type { WakeStep, WakeSteps } from '../events.ts'

/** Measures what bringing an engine up consists of. A step taken twice counts with both times. */
export class StepTimer {
  readonly #clock: Clock
  #steps: WakeSteps = {}

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds of each step since `reset`. */
  get steps (): WakeSteps {
    return { ...this.#steps }
  }

  reset (): void {
    this.#steps = {}
  }

  add (step: WakeStep, milliseconds: number): void {
    this.#steps[step] = (this.#steps[step] ?? 0) + milliseconds
  }

  /** Also counts what fails: why it took so long is asked most of all then. */
  async time<T> (step: WakeStep, call: () => Promise<T>): Promise<T> {
    const since = this.#clock.now()
    try {
      return await call()
    } finally {
      this.add(step, this.#clock.now() - since)
    }
  }
}
