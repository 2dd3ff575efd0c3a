import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clairvoyant } from '../../../../lib/simulator/reference/clairvoyant.ts'
import { simulate } from '../../../../lib/simulator/simulate.ts'
import { merge } from '../../../../lib/simulator/traffic/arrival.ts'
import type { Arrival } from '../../../../lib/simulator/traffic/arrival.ts'
import { property } from '../../../helpers/property.ts'

const at = (model: string, time: number, service: number): Arrival => ({ model, time, service })
const costs = { switch: 10_000 }

test('by hand: it leaves before b arrives, since it knows that b will', () => {
  // Free at 1 s, it is with b at 11 s.
  expect(clairvoyant({ arrivals: [at('a', 0, 1_000), at('b', 11_000, 1_000)], costs })).toBe(0)
  // It lets b wait for the two of a, rather than go there and back.
  expect(clairvoyant({ arrivals: [at('a', 0, 1_000), at('b', 1_000, 1_000), at('a', 2_000, 1_000)], costs })).toBe(12_000 / 3)
  expect(clairvoyant({ arrivals: [], costs })).toBe(0)
})

test('it keeps to the number of requests at once', () => {
  const arrivals = [at('a', 0, 4_000), at('a', 0, 2_000), at('a', 0, 1_000)]
  expect(clairvoyant({ arrivals, costs, maxConcurrency: 2 })).toBe(2_000 / 3)
  expect(clairvoyant({ arrivals, costs, maxConcurrency: 1 })).toBe((4_000 + 6_000) / 3)
})

/** All sequences of visits, each played through, with nothing left out. */
function everySchedule (arrivals: Arrival[], awake: string, time: number, cost: number, concurrency: number): number {
  const models = [...new Set(arrivals.map(({ model }) => model))]
  if (models.length === 0) return cost
  return Math.min(...models.flatMap(model => {
    const own = arrivals.filter(arrival => arrival.model === model)
    return own.map((_, last) => {
      const begin = time + (model === awake ? 0 : 10_000)
      const grants: number[] = []
      const ends: number[] = []
      for (const arrival of own.slice(0, last + 1)) {
        const granted = Math.max(arrival.time, begin, grants.at(-1) ?? 0, ends.toSorted((a, b) => b - a)[concurrency - 1] ?? 0)
        grants.push(granted)
        ends.push(granted + arrival.service)
      }
      const waited = grants.reduce((sum, granted, index) => sum + granted - own[index]!.time, 0)
      return everySchedule(arrivals.filter(arrival => !own.slice(0, last + 1).includes(arrival)), model, Math.max(...ends), cost + waited, concurrency)
    })
  }))
}

test('no schedule of all there are is better, and one is as good', () => {
  const arrival = fc.record({ time: fc.nat(40_000), model: fc.constantFrom('a', 'b'), service: fc.integer({ min: 1, max: 9_000 }) })
  fc.assert(fc.property(fc.array(arrival, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 3 }), (arrivals, maxConcurrency) => {
    const sorted = merge(arrivals)
    expect(clairvoyant({ arrivals: sorted, costs, maxConcurrency }) * sorted.length).toBeCloseTo(everySchedule(sorted, sorted[0]!.model, 0, 0, maxConcurrency), 3)
  }), property(60))
})

test('no policy is better', () => {
  const arrival = fc.record({ time: fc.nat(120_000), model: fc.constantFrom('a', 'b', 'c'), service: fc.nat(9_000) })
  fc.assert(fc.property(fc.array(arrival, { minLength: 1, maxLength: 15 }), fc.constantFrom('fifo', 'time-slice', 'even-handed', 'simple'), (arrivals, policy) => {
    const sorted = merge(arrivals)
    expect(simulate({ arrivals: sorted, policy, costs }).mean).toBeGreaterThanOrEqual(clairvoyant({ arrivals: sorted, costs }) - 1e-6)
  }), property(60))
})
