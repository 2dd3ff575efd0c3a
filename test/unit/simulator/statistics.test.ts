import { expect, test } from 'vitest'
import { geometricMean, jain, quantile, waitStatistics } from '../../../lib/simulator/statistics.ts'

/** The spread of one value. */
const same = (value: number) => ({ mean: value, p50: value, p95: value, p99: value, max: value })

test('the statistics of four waits of two models, as computed by hand', () => {
  const waits = ([['a', 0], ['b', 30], ['a', 10], ['a', 20]] as const).map(([model, wait]) => ({ model, wait, end: wait + 10, service: 10 }))
  expect(waitStatistics(waits)).toEqual({
    end: { mean: 25, p50: 20, p95: 40, p99: 40, max: 40 },
    slowdown: { mean: 2.5, p50: 2, p95: 4, p99: 4, max: 4 },
    requests: 4,
    mean: 15,
    p50: 10,
    p95: 30,
    p99: 30,
    max: 30,
    worstMean: 30,
    // (10 + 30)² / (2 · (100 + 900))
    jain: 0.8,
    models: {
      a: {
        requests: 3,
        mean: 10,
        p50: 10,
        p95: 20,
        p99: 20,
        max: 20,
        end: { mean: 20, p50: 20, p95: 30, p99: 30, max: 30 },
        slowdown: { mean: 2, p50: 2, p95: 3, p99: 3, max: 3 }
      },
      b: { requests: 1, ...same(30), end: same(40), slowdown: same(4) }
    }
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
