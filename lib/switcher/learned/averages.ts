/** How fast arrivals are forgotten, in milliseconds. */
const arrivalMemory = 60_000

/** The rate of requests: each arrival counts for `arrivalMemory`, with falling weight, and silence counts at once. */
export class ArrivalRate {
  /** Arrivals, weighted as of `#last`. */
  #sum = 0
  #last = -Infinity

  add (now: number): void {
    this.#sum = this.#sum * Math.exp((this.#last - now) / arrivalMemory) + 1
    this.#last = now
  }

  /** Requests per millisecond. */
  at (now: number): number {
    const silence = now - this.#last
    return Math.min(this.#sum * Math.exp(-silence / arrivalMemory) / arrivalMemory, 1 / silence)
  }
}

/** How fast a value is forgotten, in milliseconds. */
const valueMemory = 300_000

/** The average over time of a value that changes in steps: the last minutes count most. */
export class TimeAverage {
  #average = 0
  #value = 0
  #since = -Infinity

  /** The value from now on. */
  set (value: number, now: number): void {
    this.#average = this.at(now)
    this.#value = value
    this.#since = now
  }

  at (now: number): number {
    return this.#value + (this.#average - this.#value) * Math.exp((this.#since - now) / valueMemory)
  }
}
