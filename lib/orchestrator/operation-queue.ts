/** Runs operations one after the other, in the order they were asked for. */
export class OperationQueue {
  #tail: Promise<unknown> = Promise.resolve()

  /** The next one runs even if this one failed: its own caller learns how it ended. */
  run<T> (operation: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(operation)
    this.#tail = result.catch(() => {})
    return result
  }

  /** Resolves when everything asked for so far is over. */
  async idle (): Promise<void> {
    await this.#tail
  }
}
