import type { Arrival } from './arrival.ts'
import { Chance } from './chance.ts'

/** How long requests take. */
export interface Service {
  /** Milliseconds on average. Default 4 000. */
  mean?: number
  /** `lognormal` (the default) or `exponential`. */
  shape?: 'lognormal' | 'exponential'
  /** Deviation of the logarithm, if lognormal. Default 0.8. */
  sigma?: number
}

export interface StreamOptions {
  model: string
  /** Milliseconds. */
  duration: number
  seed: number
  service?: Service
}

/** Requests per second at a time in milliseconds. */
export type Rate = (time: number) => number

/** Requests that come by chance, so many per second on average. */
export function poisson (rate: number, options: StreamOptions): Arrival[] {
  return varying(() => rate, rate, options)
}

/** Requests that come by chance at a rate that changes; `peak` is the most it ever is. */
export function varying (rate: Rate, peak: number, options: StreamOptions): Arrival[] {
  const chance = new Chance(options.seed)
  const arrivals: Arrival[] = []
  if (peak <= 0) return arrivals
  // Come as often as at the peak, and only as many are let through as the rate of that moment has.
  for (let time = chance.exponential(1000 / peak); time < options.duration; time += chance.exponential(1000 / peak)) {
    if (chance.uniform() * peak < rate(time)) arrivals.push(arrival(time, options, chance))
  }
  return arrivals
}

/** `size` requests within a second, every `period` milliseconds, the first after `offset`. */
export function bursts ({ size, period, offset = 0 }: { size: number, period: number, offset?: number }, options: StreamOptions): Arrival[] {
  const chance = new Chance(options.seed)
  const arrivals: Arrival[] = []
  for (let begin = offset; begin < options.duration; begin += period) {
    for (let i = 0; i < size; i++) arrivals.push(arrival(begin + chance.uniform() * 1000, options, chance))
  }
  return arrivals.sort((a, b) => a.time - b.time)
}

/** By chance at `rate` while on, nothing while off; both last as long as chance has it, `on` and `off` milliseconds on average. */
export function onOff ({ rate, on, off }: { rate: number, on: number, off: number }, options: StreamOptions): Arrival[] {
  const chance = new Chance(options.seed ^ 0x5bd1e995)
  const ends: number[] = []
  for (let time = 0; time < options.duration;) ends.push(time += chance.exponential(ends.length % 2 === 0 ? on : off))
  let period = 0
  return varying(time => {
    while (ends[period]! < time) period++
    return period % 2 === 0 ? rate : 0
  }, rate, options)
}

/** By chance at `rate`, and at `peak` from `begin` for `length` milliseconds. */
export function surge ({ rate, peak, begin, length }: { rate: number, peak: number, begin: number, length: number }, options: StreamOptions): Arrival[] {
  return varying(time => time >= begin && time < begin + length ? peak : rate, Math.max(rate, peak), options)
}

/** By chance, between `low` and `high` requests per second and back over one `day` of milliseconds. It begins at `low`. */
export function diurnal ({ low, high, day }: { low: number, high: number, day: number }, options: StreamOptions): Arrival[] {
  return varying(time => low + (high - low) * (1 - Math.cos(2 * Math.PI * time / day)) / 2, high, options)
}

/** `share[i]` of all requests per second for each of so many models, the first the most: 1, 1/2^exponent, 1/3^exponent and so on. */
export function zipf (count: number, exponent = 1): number[] {
  const weights = Array.from({ length: count }, (_, rank) => 1 / (rank + 1) ** exponent)
  const sum = weights.reduce((sum, weight) => sum + weight)
  return weights.map(weight => weight / sum)
}

export interface Window {
  /** When it begins, in milliseconds. */
  begin: number
  /** Requests per second. */
  rate: number
  /** Coefficient of variation of the gaps between them. */
  variation: number
}

/** Gaps by a gamma distribution, of which rate and variation are given for windows of time. */
export function windows (given: readonly Window[], options: StreamOptions): Arrival[] {
  const chance = new Chance(options.seed)
  return given.flatMap(({ begin, rate, variation }, index) => {
    const end = Math.min(given[index + 1]?.begin ?? Infinity, options.duration)
    const arrivals: Arrival[] = []
    if (rate <= 0) return arrivals
    for (let time = begin + chance.gamma(1000 / rate, variation) * chance.uniform(); time < end; time += chance.gamma(1000 / rate, variation)) {
      arrivals.push(arrival(time, options, chance))
    }
    return arrivals
  })
}

function arrival (time: number, { model, service: { mean = 4000, shape = 'lognormal', sigma = 0.8 } = {} }: StreamOptions, chance: Chance): Arrival {
  return { time, model, service: shape === 'exponential' ? chance.exponential(mean) : chance.lognormal(mean, sigma) }
}
