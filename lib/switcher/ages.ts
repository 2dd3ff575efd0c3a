/** The total waiting time of several requests, without looking at each of them. */
export class Ages {
  #count = 0
  /** Times are summed from here: sums of milliseconds since the epoch would be too large to be exact. */
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
