/** How fast an arrival is forgotten, in milliseconds. */
const memory = 60_000

/** How often requests come: each counts for `memory`, less and less, and a silence is believed at once. */
export class ArrivalRate {
  /** Arrivals, each with the weight that it had at `#last`. */
  #sum = 0
  #last = -Infinity

  add (now: number): void {
    this.#sum = this.#sum * Math.exp((this.#last - now) / memory) + 1
    this.#last = now
  }

  /** Requests per millisecond. */
  at (now: number): number {
    const silence = now - this.#last
    return Math.min(this.#sum * Math.exp(-silence / memory) / memory, 1 / silence)
  }
}
