type Listener = (...args: unknown[]) => void

/** As much of Node's as the simulator needs, where there is no Node. */
export class EventEmitter {
  readonly #listeners = new Map<string, Set<Listener>>()

  on (name: string, listener: Listener): this {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return this
  }

  off (name: string, listener: Listener): this {
    this.#listeners.get(name)?.delete(listener)
    return this
  }

  emit (name: string, ...args: unknown[]): boolean {
    const listeners = this.#listeners.get(name)
    listeners?.forEach(listener => listener(...args))
    return listeners !== undefined && listeners.size > 0
  }
}
