/**
 * The one place that decides everything: it takes its steps in order, and begins again after any step that changed
 * something, until none does. A call in the middle of a step only notes that there is more to decide.
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

  /** Lets a whole change happen before any decision is based on it. */
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
