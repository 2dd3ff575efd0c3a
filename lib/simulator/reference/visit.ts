import type { Arrival } from '../traffic/arrival.ts'

/** A visit that serves that many requests: when the last of them is done, and how long they have waited all together. */
export interface Served {
  count: number
  end: number
  waited: number
}

/** The visits to one model that begin at one time, by how many of its requests are let in before the drain. */
export class Visit implements Iterable<Served> {
  readonly #requests: readonly Arrival[]
  readonly #first: number
  readonly #begin: number
  readonly #maxConcurrency: number

  constructor (requests: readonly Arrival[], first: number, begin: number, maxConcurrency: number) {
    this.#requests = requests
    this.#first = first
    this.#begin = begin
    this.#maxConcurrency = maxConcurrency
  }

  * [Symbol.iterator] (): Iterator<Served> {
    /** When those in flight are done, in no order. */
    const ends: number[] = []
    let [end, waited, time] = [this.#begin, 0, this.#begin]
    for (let index = this.#first; index < this.#requests.length; index++) {
      const { time: came, service } = this.#requests[index]!
      time = Math.max(time, came)
      if (ends.length === this.#maxConcurrency) time = Math.max(time, takeLeast(ends))
      ends.push(time + service)
      end = Math.max(end, time + service)
      waited += time - came
      yield { count: index - this.#first + 1, end, waited }
    }
  }
}

function takeLeast (numbers: number[]): number {
  const [least] = numbers.splice(numbers.indexOf(Math.min(...numbers)), 1)
  return least!
}
