import { expect, test } from 'vitest'
import { geometricMean, jain, quantile, waitStatistics } from '../../../lib/simulator/statistics.ts'

test('the statistics of four waits of two models, as computed by hand', () => {
  const waits = [['a', 0], ['b', 30], ['a', 10], ['a', 20]].map(([model, wait]) => ({ model: model as string, wait: wait as number }))
  expect(waitStatistics(waits)).toEqual({
    requests: 4,
    mean: 15,
    p50: 10,
    p95: 30,
    p99: 30,
    max: 30,
    worstMean: 30,
    // (10 + 30)² / (2 · (100 + 900))
    jain: 0.8,
    models: { a: { requests: 3, mean: 10, max: 20 }, b: { requests: 1, mean: 30, max: 30 } }
  })
})

test('a quantile is the smallest that so many are not above', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
  expect([0, 0.5, 0.505, 0.95, 0.99, 1].map(share => quantile(hundred, share))).toEqual([1, 50, 51, 95, 99, 100])
  expect(quantile([], 0.5)).toBe(0)
})

test('without requests nobody has waited, and it was fair', () => {
  expect(waitStatistics([])).toMatchObject({ requests: 0, mean: 0, max: 0, worstMean: 0, jain: 1 })
})

test('Jain’s index is 1 where all are alike, and 1/n where one has everything', () => {
  expect(jain([7, 7, 7])).toBe(1)
  expect(jain([0, 0, 0, 9])).toBe(0.25)
})

test('the geometric mean of a ratio and its inverse is 1', () => {
  expect(geometricMean([4, 0.25])).toBe(1)
  expect(geometricMean([2, 8])).toBeCloseTo(4)
})
