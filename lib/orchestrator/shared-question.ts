/**
 * An expensive question that many ask at the same time. Each gets an answer that was begun after it asked, since an earlier
 * one may be out of date; all that ask meanwhile share the next one.
 */
export class SharedQuestion<Answer> {
  #running: Promise<unknown> = Promise.resolve()
  #next: Promise<Answer> | undefined

  ask (question: () => Promise<Answer>): Promise<Answer> {
    this.#next ??= this.#after(this.#running, question)
    return this.#next
  }

  async #after (running: Promise<unknown>, question: () => Promise<Answer>): Promise<Answer> {
    await running
    const answer = question()
    this.#next = undefined
    // The callers learn whether it succeeded; the next one only waits for its end.
    this.#running = answer.catch(() => undefined)
    return await answer
  }
}
