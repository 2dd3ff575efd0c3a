/** How fast arrivals are forgotten, in milliseconds. */
const memory = 60_000

/** The rate of requests: each arrival counts for `memory`, with falling weight, and silence counts at once. */
export class ArrivalRate {
  /** Arrivals, weighted as of `#last`. */
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
