import type { ModelView } from './policy.ts'

/**
 * Milliseconds until `count` concurrent requests are all done: for exponential times the mean of the longest is the mean
 * times the harmonic number. Requests beyond the limit follow in turns.
 */
export function servingTime ({ serviceTime, maxConcurrency }: Pick<ModelView, 'serviceTime' | 'maxConcurrency'>, count: number): number {
  return serviceTime * harmonic(count) * Math.max(1, count / maxConcurrency)
}

const eulersConstant = 0.577_215_664_901_532_9

/** 1 + 1/2 + … + 1/n */
export function harmonic (n: number): number {
  // Exact to 1e-8 from there on.
  if (n > 20) return Math.log(n) + eulersConstant + 1 / (2 * n) - 1 / (12 * n ** 2)
  let sum = 0
  for (let i = 1; i <= n; i++) sum += 1 / i
  return sum
}
