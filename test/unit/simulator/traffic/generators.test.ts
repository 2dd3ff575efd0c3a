import { describe, expect, test } from 'vitest'
import { between, merge, stretch } from '../../../../lib/simulator/traffic/arrival.ts'
import type { Arrival } from '../../../../lib/simulator/traffic/arrival.ts'
import { bursts, diurnal, onOff, poisson, surge, windows, zipf } from '../../../../lib/simulator/traffic/generators.ts'

const hour = 3_600_000
const options = { model: 'a', duration: 50 * hour, seed: 3 }

/** Requests per second of those that come in a span of time. */
const rateOf = (arrivals: Arrival[], begin = 0, end = options.duration) => between(arrivals, begin, end).length / (end - begin) * 1000
const mean = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length
const gaps = (arrivals: Arrival[]) => arrivals.slice(1).map(({ time }, index) => time - arrivals[index]!.time)
/** Coefficient of variation. */
const variation = (numbers: number[], center = mean(numbers)) => Math.sqrt(mean(numbers.map(number => (number - center) ** 2))) / center

const all = {
  poisson: poisson(0.5, options),
  bursts: bursts({ size: 10, period: 60_000, offset: 5_000 }, options),
  onOff: onOff({ rate: 1, on: 60_000, off: 180_000 }, options),
  surge: surge({ rate: 0.1, peak: 2, begin: 10 * hour, length: 10 * hour }, options),
  diurnal: diurnal({ low: 0.1, high: 0.9, day: 24 * hour }, { ...options, duration: 48 * hour }),
  windows: windows([{ begin: 0, rate: 0.2, variation: 3 }, { begin: 25 * hour, rate: 1, variation: 3 }], options)
}

describe('the rates are the given ones', () => {
  test.for<[string, number, number, number]>([
    ['poisson', 0.5, 0, options.duration],
    ['bursts', 10 / 60, 0, options.duration],
    ['onOff', 0.25, 0, options.duration],
    ['surge', 0.1, 0, 10 * hour],
    ['surge', 2, 10 * hour, 20 * hour],
    ['surge', 0.1, 20 * hour, options.duration],
    ['diurnal', 0.5, 0, 48 * hour],
    ['diurnal', 0.9, 11.5 * hour, 12.5 * hour],
    ['windows', 0.2, 0, 25 * hour],
    ['windows', 1, 25 * hour, options.duration]
  ])('%s: %f per second', ([name, rate, begin, end]) => {
    expect(rateOf(all[name as keyof typeof all], begin, end) / rate).toBeCloseTo(1, 0.7)
  })
})

test('gaps vary as they should: by chance, in bursts, and as told', () => {
  expect(variation(gaps(all.poisson))).toBeCloseTo(1, 1)
  expect(variation(gaps(all.onOff))).toBeGreaterThan(1.5)
  expect(variation(gaps(between(all.windows, 25 * hour, 50 * hour)))).toBeCloseTo(3, 0)
})

test('a burst is over within a second', () => {
  const first = all.bursts.slice(0, 10).map(({ time }) => time)
  expect(first.every(time => time >= 5_000 && time < 6_000)).toBe(true)
  expect(all.bursts[10]!.time).toBeGreaterThanOrEqual(65_000)
})

test('times in the engine have the mean that was asked for, and the shape', () => {
  const services = (service: object) => poisson(0.5, { ...options, service }).map(({ service }) => service)
  expect(mean(services({})) / 4_000).toBeCloseTo(1, 1)
  expect(mean(services({ mean: 20_000 })) / 20_000).toBeCloseTo(1, 1)
  expect(variation(services({ shape: 'exponential' }))).toBeCloseTo(1, 1)
  expect(variation(services({ sigma: 0 }))).toBeCloseTo(0)
})

test('the same seed has the same requests, another has others', () => {
  const make = (seed: number) => poisson(1, { ...options, duration: 60_000, seed })
  expect(make(3)).toEqual(make(3))
  expect(make(4)[0]).not.toEqual(make(3)[0])
  // Neighbouring seeds are no relatives.
  const firsts = Array.from({ length: 400 }, (_, seed) => make(seed)[0]!.time)
  expect(mean(firsts) / 1000).toBeCloseTo(1, 0)
  expect(variation(firsts)).toBeCloseTo(1, 0)
})

test('every stream is in the order of its times and within its duration', () => {
  for (const arrivals of Object.values(all)) {
    expect(gaps(arrivals).every(gap => gap >= 0)).toBe(true)
    expect(arrivals.at(-1)!.time).toBeLessThanOrEqual(options.duration + 1_000)
    expect(arrivals.every(({ service }) => service > 0)).toBe(true)
  }
})

test('nothing comes at a rate of 0', () => {
  expect(poisson(0, options)).toEqual([])
  expect(windows([{ begin: 0, rate: 0, variation: 1 }], options)).toEqual([])
})

test('the shares of many models fall off and are all there is', () => {
  expect(zipf(3)).toEqual([6 / 11, 3 / 11, 2 / 11].map(share => expect.closeTo(share)))
  expect(mean(zipf(27, 2)) * 27).toBeCloseTo(1)
})

test('streams are merged, stretched and cut', () => {
  const at = (model: string, ...times: number[]) => times.map(time => ({ time, model, service: 1 }))
  expect(merge(at('a', 1, 5), at('b', 3)).map(({ model }) => model)).toEqual(['a', 'b', 'a'])
  expect(stretch(at('a', 1, 5), 3).map(({ time }) => time)).toEqual([3, 15])
  expect(between(at('a', 1, 5, 7), 5, 7)).toEqual(at('a', 0))
})
