import type { Arrival } from '../traffic/arrival.ts'
import { bursts, diurnal, onOff, poisson, surge } from '../traffic/generators.ts'
import type { StreamOptions } from '../traffic/generators.ts'
import { UsageError } from './usage-error.ts'

type Numbers = Record<string, number>

/** Kinds of traffic by name: the numbers that each must be given, those in milliseconds marked by a star, and what makes it. */
const kinds: Record<string, { needs: string[], make: (numbers: any, options: StreamOptions) => Arrival[] }> = {
  poisson: { needs: ['rate'], make: ({ rate }: Numbers, options) => poisson(rate!, options) },
  bursts: { needs: ['size', 'period*', 'offset*?'], make: bursts },
  onoff: { needs: ['rate', 'on*', 'off*'], make: onOff },
  surge: { needs: ['rate', 'peak', 'begin*', 'length*'], make: surge },
  diurnal: { needs: ['low', 'high', 'day*'], make: diurnal }
}

/** Requests of `poisson model=a rate=0.25` and the like. Throws a `UsageError`. */
export function generate (spec: string, options: Pick<StreamOptions, 'duration' | 'seed'>): Arrival[] {
  const [kind = '', ...words] = spec.trim().split(/\s+/)
  const known = kinds[kind]
  if (known === undefined) throw new UsageError(`--generate: there is no ${kind}, but ${Object.keys(kinds).join(', ')}`)
  const given = Object.fromEntries(words.map(word => word.split('=', 2)))
  const needs = [...known.needs, 'service*?']
  const names = needs.map(need => need.replace(/[*?]/g, ''))
  const unknown = Object.keys(given).find(name => name !== 'model' && !names.includes(name))
  if (unknown !== undefined) throw new UsageError(`--generate: ${kind} has no ${unknown}, but model, ${names.join(', ')}`)
  if (!given.model) throw new UsageError(`--generate: ${kind} needs model=`)
  const { service, ...numbers } = Object.fromEntries(needs.flatMap((need, index) => numberOf(kind, names[index]!, need, given)))
  return known.make(numbers, { ...options, model: given.model, ...(service !== undefined && { service: { mean: service } }) })
}

function numberOf (kind: string, name: string, need: string, given: Record<string, string>): [string, number][] {
  if (given[name] === undefined && need.endsWith('?')) return []
  const value = Number(given[name] || NaN)
  if (!(value >= 0 && value < Infinity)) throw new UsageError(`--generate: ${kind} needs ${name}=, a number of at least 0`)
  return [[name, need.includes('*') ? value * 1000 : value]]
}
