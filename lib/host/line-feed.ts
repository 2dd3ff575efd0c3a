type Listener = (line: string) => void

/** Passes the engines' output to current followers. */
export class LineFeed {
  readonly #listeners = new Map<string, Set<Listener>>()

  /** Returns a function that stops. */
  follow (id: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, listeners.add(listener))
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#listeners.delete(id)
    }
  }

  push (id: string, line: string): void {
    this.#listeners.get(id)?.forEach(listener => listener(line))
  }
}
