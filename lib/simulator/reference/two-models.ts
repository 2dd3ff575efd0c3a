/** Two models that share one GPU, each a pair by model 0 and 1: requests come by chance, and take exponential times. */
export interface TwoModels {
  /** Requests per second. */
  rates: readonly [number, number]
  /** Milliseconds that a request takes on average. */
  services: readonly [number, number]
  /** Milliseconds of a switch away from each. */
  costs: readonly [number, number]
  /** Requests that an engine works on at once. */
  maxConcurrency: number
  /** Whether requests in flight can be frozen; then they count as waiting. Default false. */
  freeze?: boolean
  /** Requests of one model that may wait; more are turned away. So many that it hardly ever happens. */
  queue: number
}

/** The probabilities of 0, 1, 2, … arrivals, up to where the rest is next to nothing, which the last one takes. */
export function arrivalsDuring (rate: number, milliseconds: number): number[] {
  const mean = rate * milliseconds / 1000
  const probabilities: number[] = []
  let sum = 0
  for (let count = 0, probability = Math.exp(-mean); sum < 1 - 1e-9 && count < mean + 12 * Math.sqrt(mean) + 12; probability *= mean / ++count) {
    probabilities.push(probability)
    sum += probability
  }
  probabilities[probabilities.length - 1]! += 1 - sum
  return probabilities
}
