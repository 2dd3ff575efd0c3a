import { MovingAverage } from './moving-average.ts'

/** Two buckets for each doubling, from 50 ms to more than a week. */
const buckets = 48
const shortest = 50
const perDoubling = 2

/** The buckets that a rate is taken from: one doubling, so that there are enough requests in it. */
const window = perDoubling

/** Of so many requests the last ones are remembered, older ones less and less. */
const memory = 1_000

/** So many requests outweigh what is assumed at first. */
const assumed = 5

/**
 * How long requests stay in the engine, in milliseconds: the mean, and how soon a request is likely to end that has already
 * lasted a while. Answers have long tails: most are short, and one that is not is likely to last.
 */
export class ServiceTime extends MovingAverage {
  /** How many requests lasted at least as long as each bucket begins, in units of `#weight`. */
  readonly #atLeast = new Float64Array(buckets + window)
  /** Grows with each request instead of all numbers shrinking. */
  #weight = 1
  /** By bucket; NaN: to be computed. It is asked for each request in flight, at each decision. */
  readonly #rates = new Float64Array(buckets).fill(NaN)

  override add (time: number): void {
    super.add(time)
    this.#weight *= 1 + 1 / memory
    for (let bucket = bucketOf(time); bucket >= 0; bucket--) this.#atLeast[bucket]! += this.#weight
    if (this.#weight > 1e100) this.#shrink()
    this.#rates.fill(NaN)
  }

  /**
   * The expected number of ends per millisecond of a request that has been served for so long. As long as little is known, of
   * one that is expected to last as long as the mean, or as long again once it has outlasted it.
   */
  endRate (served: number): number {
    const bucket = bucketOf(served)
    if (Number.isNaN(this.#rates[bucket])) this.#rates[bucket] = this.#rate(bucket)
    return this.#rates[bucket]!
  }

  #rate (bucket: number): number {
    const served = lowerBound(bucket)
    const width = lowerBound(bucket + window) - served
    const atLeast = this.#atLeast[bucket]! / this.#weight
    const longer = this.#atLeast[bucket + window]! / this.#weight
    const assumedLonger = assumed * Math.exp(-width / Math.max(this.value, served))
    // Exact if the rate is the same throughout.
    return Math.log((atLeast + assumed) / (longer + assumedLonger)) / width
  }

  #shrink (): void {
    for (let bucket = 0; bucket < buckets; bucket++) this.#atLeast[bucket]! /= this.#weight
    this.#weight = 1
  }
}

function bucketOf (time: number): number {
  return time <= shortest ? 0 : Math.min(buckets - 1, Math.floor(perDoubling * Math.log2(time / shortest)))
}

/** Milliseconds at which a bucket begins. */
function lowerBound (bucket: number): number {
  return bucket === 0 ? 0 : shortest * 2 ** (bucket / perDoubling)
}
