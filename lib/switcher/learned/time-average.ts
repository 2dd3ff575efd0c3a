/** How fast a value is forgotten, in milliseconds. */
const memory = 300_000

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
    return this.#value + (this.#average - this.#value) * Math.exp((this.#since - now) / memory)
  }
}
