/** How long some who came at different times have waited, all together, without looking at each of them. */
export class Ages {
  #count = 0
  /** Times are summed from here: those since the epoch are so large that their sums would lose milliseconds. */
  #base = 0
  #sum = 0

  get count (): number {
    return this.#count
  }

  add (since: number): void {
    if (this.#count === 0) {
      this.#base = since
      this.#sum = 0
    }
    this.#count++
    this.#sum += since - this.#base
  }

  delete (since: number): void {
    this.#count--
    this.#sum -= since - this.#base
  }

  at (now: number): number {
    return this.#count * (now - this.#base) - this.#sum
  }
}
