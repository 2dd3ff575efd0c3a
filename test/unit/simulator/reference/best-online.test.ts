import { expect, test } from 'vitest'
import { bestOnline, bestOnlinePolicy } from '../../../../lib/simulator/reference/best-online.ts'
import { arrivalsDuring } from '../../../../lib/simulator/reference/two-models.ts'
import type { TwoModels } from '../../../../lib/simulator/reference/two-models.ts'
import { simulate } from '../../../../lib/simulator/simulate.ts'
import { merge } from '../../../../lib/simulator/traffic/arrival.ts'
import { poisson } from '../../../../lib/simulator/traffic/generators.ts'
import { bruteForce } from './brute-force.ts'

test.for<[string, TwoModels]>([
  ['alike', { rates: [0.2, 0.2], services: [2_000, 2_000], costs: [3_000, 3_000], maxConcurrency: 1, queue: 1 }],
  ['one busier', { rates: [0.5, 0.05], services: [1_000, 3_000], costs: [2_000, 2_000], maxConcurrency: 1, queue: 1 }],
  ['costs that differ', { rates: [0.1, 0.1], services: [1_000, 1_000], costs: [1_000, 8_000], maxConcurrency: 1, queue: 1 }]
])('%s: no policy of all there are is better, and one is as good', ([, models]) => {
  const least = bruteForce(models)
  expect(bestOnline(models).waiting / least).toBeCloseTo(1, 2)
})

test('simulated on the production switcher, its policy has the wait that was computed, and beats all others', () => {
  const models: TwoModels = { rates: [0.2, 0.1], services: [4_000, 4_000], costs: [5_000, 5_000], maxConcurrency: 6, queue: 20 }
  const best = bestOnline(models)
  const stream = (model: string, index: 0 | 1) => poisson(models.rates[index], { model, seed: index + 1, duration: 30_000_000, service: { shape: 'exponential' } })
  const arrivals = merge(stream('a', 0), stream('b', 1))
  const mean = (policy: Parameters<typeof simulate>[0]['policy']) => simulate({ arrivals, policy, costs: { switch: 5_000 }, maxConcurrency: 6 }).mean
  const own = mean(bestOnlinePolicy(best, ['a', 'b']))
  expect(own / best.wait).toBeGreaterThan(0.93)
  expect(own / best.wait).toBeLessThan(1.07)
  for (const policy of ['fifo', 'time-slice', 'even-handed'] as const) expect(mean(policy)).toBeGreaterThan(own * 0.98)
}, 60_000)

test('where requests can be frozen it is shorter, and the same holds: of waiting and being frozen together', () => {
  const models: TwoModels = { rates: [0.2, 0.1], services: [10_000, 4_000], costs: [1_000, 1_000], maxConcurrency: 4, queue: 20 }
  const best = bestOnline({ ...models, freeze: true })
  expect(best.wait).toBeLessThan(0.8 * bestOnline(models).wait)
  const stream = (model: string, index: 0 | 1) => poisson(models.rates[index], { model, seed: index + 1, duration: 30_000_000, service: { shape: 'exponential', mean: models.services[index] } })
  const arrivals = merge(stream('a', 0), stream('b', 1))
  const worked = arrivals.reduce((sum, { service }) => sum + service, 0) / arrivals.length
  const mean = (policy: Parameters<typeof simulate>[0]['policy']) => simulate({ arrivals, policy, costs: { switch: 1_000 }, maxConcurrency: 4, freeze: true }).end.mean - worked
  const own = mean(bestOnlinePolicy(best, ['a', 'b']))
  expect(own / best.wait).toBeGreaterThan(0.93)
  expect(own / best.wait).toBeLessThan(1.07)
  for (const policy of ['simple', 'even-handed'] as const) expect(mean(policy)).toBeGreaterThan(own * 0.98)
}, 60_000)

test('arrivals during a switch: a Poisson distribution, with nothing lost', () => {
  const probabilities = arrivalsDuring(0.5, 4_000)
  expect(probabilities.slice(0, 3)).toEqual([1, 2, 2].map(factor => expect.closeTo(factor * Math.exp(-2), 8)))
  expect(probabilities.reduce((sum, probability) => sum + probability)).toBeCloseTo(1, 12)
  expect(arrivalsDuring(0, 4_000)).toEqual([1])
})
