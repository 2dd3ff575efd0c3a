/**
 * The one place where everything is decided: it takes its steps in their order, from the first again after any that
 * changed something, until none does. Called in the midst of a step it only notes that there is more to decide.
 */
export class DecisionLoop {
  readonly #steps: readonly (() => void)[]
  #running = false
  #changed = false

  constructor (steps: readonly (() => void)[]) {
    this.#steps = steps
  }

  /** Something has changed: decide. */
  changed (): void {
    this.#changed = true
    if (this.#running) return
    this.#running = true
    try {
      while (this.#changed) this.#round()
    } finally {
      this.#running = false
    }
  }

  /** Lets all of it happen before anything is decided upon it. */
  atOnce (change: () => void): void {
    const running = this.#running
    this.#running = true
    try {
      change()
    } finally {
      this.#running = running
    }
    this.changed()
  }

  #round (): void {
    this.#changed = false
    for (const step of this.#steps) {
      step()
      if (this.#changed) return
    }
  }
}
