/**
 * A question that costs something, asked by many at the same time. Whoever asks gets an answer that was begun after it
 * asked, since one begun before may be out of date; all who ask meanwhile share the next one.
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
    // Whether it could be answered is for those who asked; the next one only waits for its end.
    this.#running = answer.catch(() => undefined)
    return await answer
  }
}
