import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { simulate } from '../../../lib/simulator/simulate.ts'
import type { Arrival } from '../../../lib/simulator/traffic/arrival.ts'
import { merge } from '../../../lib/simulator/traffic/arrival.ts'
import { poisson } from '../../../lib/simulator/traffic/generators.ts'
import { property } from '../../helpers/property.ts'

const costs = { switch: 10_000 }
/** `a0:4`: for a, after 0 s, takes 4 s. */
const requests = (text: string): Arrival[] => text.split(' ').map(word => {
  const [, model, time, service] = /^(\w)(\d+):(\d+)$/.exec(word)!
  return { model: model!, time: Number(time) * 1000, service: Number(service) * 1000 }
})
const policies = ['fifo', { type: 'fifo', minActive: 5_000 }, 'cost-aware', 'time-slice', 'simple', 'even-handed'] as const

test('the model that is awake from the beginning is served at once', () => {
  expect(simulate({ arrivals: requests('a0:4 a1:4'), policy: 'fifo', costs })).toMatchObject({ requests: 2, mean: 0, max: 0, switches: 0, switching: 0, duration: 5_000 })
})

test('a drain and a switch are waited for, to the millisecond', () => {
  // a's request ends at 4 s, b is awake at 14 s and done at 20 s.
  const result = simulate({ arrivals: requests('a0:4 b1:6'), policy: 'fifo', costs })
  expect(result).toMatchObject({ max: 13_000, mean: 6_500, worstMean: 13_000, jain: 0.5, switches: 1, switching: 0.5, duration: 20_000 })
})

test('no more than `maxConcurrency` are worked on at once', () => {
  const result = simulate({ arrivals: requests('a0:4 a0:4 a0:4'), policy: 'fifo', costs, maxConcurrency: 2 })
  expect(result).toMatchObject({ p50: 0, max: 4_000, duration: 8_000 })
})

test('each pair may have its own cost, and the first start another', () => {
  const arrivals = requests('a0:1 b1:1 a50:1')
  const pairs = { a: { b: 4_000 }, b: { a: 7_000 } }
  expect(simulate({ arrivals, policy: 'fifo', costs: { switch: pairs } }).models).toMatchObject({ a: { max: 7_000 }, b: { max: 4_000 } })
  expect(simulate({ arrivals, policy: 'fifo', costs: { switch: pairs, start: { b: 30_000 } } }).models).toMatchObject({ a: { max: 7_000 }, b: { max: 30_000 } })
  expect(simulate({ arrivals, policy: 'fifo', costs, awake: 'b' }).models).toMatchObject({ a: { max: 10_000 }, b: { max: 20_000 } })
})

test('models with a GPU of their own never wait for each other', () => {
  const arrivals = requests('a0:4 b1:4 a2:4 b3:4')
  expect(simulate({ arrivals, policy: 'fifo', costs, placement: { a: { gpus: [0] }, b: { gpus: [1] } } })).toMatchObject({ switches: 1, models: { a: { max: 0 } } })
})

test('on several GPUs each model starts where fewest requests are in its way, and stays there', () => {
  const three = requests('a0:10 b1:10 c2:10 a20:1 b20:1 c20:1')
  const on = (gpus: number) => simulate({ arrivals: three, policy: 'fifo', costs, gpus })
  expect(on(1).switches).toBeGreaterThan(2)
  expect(on(3)).toMatchObject({ switches: 2, models: { a: { max: 0 } } })
  expect(on(2).mean).toBeLessThan(on(1).mean)
  expect(on(3).mean).toBeLessThan(on(2).mean)
  expect(simulate({ arrivals: three, policy: 'fifo', costs, gpus: 3, placement: { a: { gpus: [0] }, b: { gpus: [0] }, c: { gpus: [0] } } }).switches).toBe(on(1).switches)
})

test('what comes before `countFrom` is served but not counted', () => {
  expect(simulate({ arrivals: requests('a0:4 b1:6 b30:1'), policy: 'fifo', costs, countFrom: 10_000 })).toMatchObject({ requests: 1, max: 0, switches: 1 })
})

test('without requests there is nothing to tell', () => {
  expect(simulate({ arrivals: [], policy: 'fifo', costs })).toMatchObject({ requests: 0, mean: 0, switches: 0, switching: 0, duration: 0 })
})

describe('every policy', () => {
  test.for(policies)('%j serves every request once, and a single model without a wait', policy => {
    const stream = (model: string, seed: number) => poisson(0.3, { model, seed, duration: 1_200_000 })
    const arrivals = merge(stream('a', 1), stream('b', 2), stream('c', 3))
    const result = simulate({ arrivals, policy, costs })
    expect(result.requests).toBe(arrivals.length)
    for (const model of ['a', 'b', 'c']) expect(result.models[model]!.requests).toBe(arrivals.filter(arrival => arrival.model === model).length)
    expect(result.switching).toBeGreaterThan(0)
    expect(result.switches * 10_000 / result.duration).toBeCloseTo(result.switching)
    expect(simulate({ arrivals: stream('a', 1), policy, costs })).toMatchObject({ max: 0, switches: 0 })
    expect(simulate({ arrivals, policy, costs })).toEqual(result)
  })
})

test('on any traffic everybody is served, and no earlier than the switch allows', () => {
  const arrival = fc.record({ time: fc.nat(60_000), model: fc.constantFrom('a', 'b', 'c'), service: fc.nat(9_000) })
  fc.assert(fc.property(fc.array(arrival, { minLength: 1, maxLength: 40 }), fc.constantFrom(...policies), fc.nat(9_000), (arrivals, policy, cost) => {
    const sorted = merge(arrivals)
    const result = simulate({ arrivals: sorted, policy, costs: { switch: cost } })
    expect(result.requests).toBe(sorted.length)
    // Who is first of a model that is not awake at the beginning waits for a switch at least.
    const others = new Set(sorted.map(({ model }) => model)).size - 1
    expect(result.switches).toBeGreaterThanOrEqual(others)
    if (others > 0) expect(result.max).toBeGreaterThanOrEqual(cost)
  }), property(100))
})

describe('it fails, rather than tell a wrong result', () => {
  test.for<[string, Parameters<typeof simulate>[0], RegExp]>([
    ['a policy that never leaves', { arrivals: requests('a0:1 b1:1'), policy: () => ({ wake: undefined, evict: [], lookAgainAt: undefined }), costs }, /1 requests are still waiting/],
    ['one that only ever asks to be asked again', { arrivals: requests('a0:1 b1:1'), policy: ({ now }) => ({ wake: undefined, evict: [], lookAgainAt: now + 3_600_000 }), costs }, /1 requests are still waiting/],
    ['one that throws', { arrivals: requests('a0:1 b1:1'), policy: () => { throw new Error('no idea') }, costs }, /no idea/],
    ['requests out of their order', { arrivals: requests('a5:1 a1:1'), policy: 'fifo', costs }, /request 2 comes before/]
  ])('%s', ([, options, message]) => {
    expect(() => simulate(options)).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_SIMULATION', message: expect.stringMatching(message) }))
  })

  test('a switch that has no cost', () => {
    expect(() => simulate({ arrivals: requests('a0:1 b1:1'), policy: 'fifo', costs: { switch: { a: {}, b: { a: 1 } } } })).toThrow(/no cost of a switch from a to b/)
  })
})

test('a request that is frozen goes on where it was, after what its thaw costs, and the others do not wait for it', () => {
  const arrivals = [[0, 'a', 1_000], [2_000, 'b', 1_000], [4_000, 'a', 60_000], [10_000, 'b', 1_000]].map(([time, model, service]) => ({ time: time as number, model: model as string, service: service as number }))
  const run = (freeze: boolean, thaw = 0) => simulate({ arrivals, policy: 'even-handed', costs: { switch: 100, thaw }, freeze, awake: 'a', countFrom: 4_000 }).models
  expect(run(false)['b']).toMatchObject({ requests: 1, mean: 4_100 + 60_000 + 100 - 10_000 })
  const frozen = run(true)
  expect(frozen['b']!.mean).toBeLessThan(2_000)
  expect(frozen['a']!.end.mean).toBe(100 + 60_000 + 100 + 1_000 + 100)
  expect(run(true, 500)['a']!.end.mean, 'the tokens so far are computed again').toBe(frozen['a']!.end.mean + 500)
})
