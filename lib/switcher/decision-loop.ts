/**
 * The one place that decides everything: it takes its steps in order, and begins again after any step that changed
 * something, until none does. A call in the middle of a step only notes that there is more to decide.
 */
export class DecisionLoop {
  /** Thousands of times what thousands of models need: without it, steps that undo each other would stop the process forever. */
  static readonly limit = 100_000

  /** How many decisions it has begun. One ends when no step changes anything any more. */
  count = 0
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
    this.count++
    try {
      for (let left = DecisionLoop.limit; this.#changed; left--) {
        if (left === 0) throw new Error('the switcher decides without end: please report this as a bug of llmux, with its log')
        this.#round()
      }
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
