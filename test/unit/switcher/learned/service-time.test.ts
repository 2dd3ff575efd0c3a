import { describe, expect, test } from 'vitest'
import { ServiceTime } from '../../../../lib/switcher/learned/service-time.ts'

const fresh = () => new ServiceTime({ initial: 4_000, weight: 0.05, outlier: 10 })

/** Times that the given shares of all requests exceed, evenly spread. */
function learned (quantile: (share: number) => number, count = 3_000): ServiceTime {
  const times = fresh()
  // No order in them: the golden ratio visits all parts evenly.
  for (let i = 1; i <= count; i++) times.add(quantile((i * 0.618_033_988_749_895) % 1))
  return times
}

const exponential = (mean: number) => (share: number) => -mean * Math.log(share)

describe('the rate at which a request ends', () => {
  test('is that of the mean while nothing is known, and of its own time once that is longer', () => {
    const times = fresh()
    expect(1 / times.endRate(1_000)).toBeCloseTo(4_000)
    // To half a doubling.
    expect(1 / times.endRate(20_000)).toBeGreaterThan(14_000)
    expect(1 / times.endRate(20_000)).toBeLessThanOrEqual(20_000)
  })

  test('is the same at any time if times have no memory', () => {
    const times = learned(exponential(4_000))
    for (const served of [0, 500, 2_000, 4_000, 8_000, 12_000]) {
      const rate = times.endRate(served) * 4_000
      expect(rate, `after ${served} ms`).toBeGreaterThan(0.8)
      expect(rate, `after ${served} ms`).toBeLessThan(1.25)
    }
  })

  test('is low once a request has outlived the short ones, and high again where the long ones end', () => {
    const times = learned(share => share < 0.9 ? 500 + 1_000 * share : 60_000 + 20_000 * share)
    expect(times.endRate(500)).toBeGreaterThan(1 / 1_500)
    expect(times.endRate(5_000)).toBeLessThan(1 / 50_000)
    expect(times.endRate(60_000)).toBeGreaterThan(1 / 40_000)
  })

  test('of a request that has outlasted all others is as if nothing were known', () => {
    const times = learned(exponential(1_000))
    expect(1 / times.endRate(10_000_000)).toBeGreaterThan(7_000_000)
    expect(1 / times.endRate(10_000_000)).toBeLessThanOrEqual(10_000_000)
  })

  test('follows change', () => {
    const times = learned(() => 60_000)
    for (let i = 0; i < 5_000; i++) times.add(1_000)
    expect(times.endRate(900)).toBeGreaterThan(1 / 1_500)
  })

  test('stays right after very many requests', () => {
    const times = learned(exponential(4_000), 400_000)
    expect(times.endRate(4_000) * 4_000).toBeCloseTo(1, 0)
  })

  test('is a positive number for any time, however short or long', () => {
    const times = learned(exponential(100))
    for (const served of [0, 1, 49, 50, 51, 1e12]) expect(times.endRate(served)).toBeGreaterThan(0)
  })
})
