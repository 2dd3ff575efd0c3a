import { randomExponential, randomGamma, randomLcg, randomLogNormal } from 'd3-random'

/** The random numbers of one simulation: the same from the same seed. */
export class Chance {
  readonly #source: () => number

  constructor (seed: number) {
    // Neighbouring seeds would begin with almost the same number: spread them first.
    this.#source = randomLcg(Math.imul(seed | 0, 0x9E3779B1) >>> 0)
    for (let i = 0; i < 8; i++) this.#source()
  }

  /** Between 0 and 1. */
  uniform (): number {
    return this.#source()
  }

  /** Exponential with that mean. */
  exponential (mean: number): number {
    return randomExponential.source(this.#source)(1 / mean)()
  }

  /** Gamma with that mean and that coefficient of variation; 1 is exponential, more comes in bursts. */
  gamma (mean: number, variation: number): number {
    const shape = 1 / variation ** 2
    return randomGamma.source(this.#source)(shape, mean / shape)()
  }

  /** Lognormal with that mean; `sigma` is the deviation of its logarithm. */
  lognormal (mean: number, sigma: number): number {
    return randomLogNormal.source(this.#source)(Math.log(mean) - sigma ** 2 / 2, sigma)()
  }
}
