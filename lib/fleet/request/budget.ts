/** Requests that may be sent once more, however many there are: each that comes earns a share of one. */
const most = 10

/** Keeps a fleet in trouble from getting twice the requests. */
export class RetryBudget {
  readonly #share: number
  #left = most

  constructor (share: number) {
    this.#share = share
  }

  earn (): void {
    this.#left = Math.min(most, this.#left + this.#share)
  }

  /** Returns whether there was one left. */
  spend (): boolean {
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
