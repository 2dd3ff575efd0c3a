import { describe, expect, test } from 'vitest'
import { evenHanded } from '../../../../lib/switcher/policy/even-handed.ts'
import { harmonic, servingTime } from '../../../../lib/switcher/policy/serving-time.ts'
import type { ModelView } from '../../../../lib/switcher/policy/policy.ts'
import { snapshot, view } from '../helper.ts'

const now = 1_000_000
const policy = evenHanded({ type: 'even-handed', beta: 0.5, maxWait: 60_000 })
/** Those who came at these times, each with its own age. */
const waiters = (...ages: number[]): Partial<ModelView> =>
  ({ waiting: ages.length, oldest: now - Math.max(...ages), age: ages.reduce((sum, age) => sum + age, 0) })
const awake = (more: Partial<ModelView> = {}) => view('a', { awakeSince: now - 100_000, ...more })
const decide = (models: ModelView[], costs = {}) => policy(snapshot(now, models, costs))

// Everything at 10 s to and fro and 4 s in the engine: y = 24 s with nobody in flight.
describe('worth it: what the others wait against what leaving inflicts', () => {
  test('an idle model that nobody asks for is left at once', () => {
    expect(decide([awake(), view('b', waiters(0))])).toEqual({ wake: 'b', evict: ['a'], lookAgainAt: undefined })
  })

  // 0.5 · ½ · λ · 24² s = 10 s by the time of the switch for λ = 0.0694/s: then a waiter that has just come is enough.
  const lambda = 10_000 / (0.25 * 24_000 ** 2)

  test('one is left when the waiting until the switch is over is worth it, and not before', () => {
    expect(decide([awake({ arrivalRate: lambda * 0.999 }), view('b', waiters(0))]).wake).toBe('b')
    expect(decide([awake({ arrivalRate: lambda * 1.001 }), view('b', waiters(0))]).wake).toBeUndefined()
  })

  test('says when it will be', () => {
    const { wake, lookAgainAt } = decide([awake({ arrivalRate: lambda * 1.05 }), view('b', waiters(0))])
    expect(wake).toBeUndefined()
    expect(lookAgainAt).toBeCloseTo(now + 500, 3)
    expect(decide([awake({ arrivalRate: lambda * 1.05 }), view('b', waiters(500))]).wake).toBe('b')
  })

  test('looks again before long, since rates fade while nobody comes', () => {
    expect(decide([awake({ arrivalRate: lambda * 3 }), view('b', waiters(0))]).lookAgainAt).toBe(now + 1_000)
  })

  test('all who are not served count, whoever the switch is for', () => {
    const busy = awake({ arrivalRate: lambda * 1.9 })
    expect(decide([busy, view('b', waiters(0))]).wake).toBeUndefined()
    expect(decide([busy, view('b', waiters(0)), view('c', waiters(0))]).wake).toBe('b')
  })

  test('requests that wait for room at the awake model would be away as well', () => {
    // With 256 in flight y = 4 s · H(256) + 24 s = 48.5 s, and half of that counts for each of them.
    const full = (waiting: number) => awake({ inFlight: 256, averageWaiting: -1e6, ...(waiting > 0 && waiters(...Array(waiting).fill(0))) })
    const others = view('b', waiters(20_000, 20_000))
    expect(decide([full(0), others]).wake).toBe('b')
    expect(decide([full(2), others]).wake).toBe('b')
    expect(decide([full(3), others]).wake).toBeUndefined()
  })

  test('the models that make room are away until the other’s queue is served', () => {
    // Four at once: y = 20 s + 4 s · H(4) = 28.3 s, and each will have waited for the 10 s of the switch.
    const enough = 40_000 / (0.25 * (20_000 + 4_000 * 25 / 12) ** 2)
    expect(decide([awake({ arrivalRate: enough * 0.999 }), view('b', waiters(0, 0, 0, 0))]).wake).toBe('b')
    expect(decide([awake({ arrivalRate: enough * 1.001 }), view('b', waiters(0, 0, 0, 0))]).wake).toBeUndefined()
  })

  test('but of a queue that is longer than what it takes at once, no more than that counts', () => {
    const decideFor = (count: number, arrivalRate: number) =>
      decide([awake({ arrivalRate }), view('b', { ...waiters(...Array(count).fill(0)), maxConcurrency: 4 })]).wake
    // As many as in the last test, but twice as many have waited for the switch.
    const enough = 80_000 / (0.25 * (20_000 + 4_000 * 25 / 12) ** 2)
    expect(decideFor(8, enough * 0.999)).toBe('b')
    expect(decideFor(8, enough * 1.001)).toBeUndefined()
  })

  test('both ways count', () => {
    const models = [awake({ arrivalRate: lambda * 0.9 }), view('b', waiters(0))]
    expect(decide(models, { wakes: { a: { b: 10_000 }, b: { a: 20_000 } } }).wake).toBeUndefined()
    expect(decide(models, { wakes: { a: { b: 10_000 }, b: { a: 5_000 } } }).wake).toBe('b')
  })

  test('a start counts as a start', () => {
    const models = (cold: boolean) => [awake({ arrivalRate: lambda }), view('b', { ...waiters(100), cold })]
    const costs = { wakes: { a: { b: 10_000 } }, starts: { b: 60_000 } }
    expect(decide(models(false), costs).wake).toBe('b')
    expect(decide(models(true), costs).wake).toBeUndefined()
  })
})

describe('a good moment', () => {
  const many = waiters(...Array.from({ length: 30 }, () => 5_000))

  test('is when more wait than usual, and the excess outweighs what is about to finish', () => {
    // y = 4 s · H(2) + 20 s + 4 s · H(30) = 42 s; (2 + 1) / 4 s − 0.2/s = 0.55/s: 23.1 requests.
    const models = (averageWaiting: number) => [awake({ inFlight: 2, arrivalRate: 0.000_2 }), view('b', { ...many, averageWaiting })]
    expect(decide(models(6.8)).wake).toBe('b')
    expect(decide(models(7)).wake).toBeUndefined()
  })

  test('the usual number counts over all of the models', () => {
    const models = (averageWaiting: number) => [awake({ inFlight: 2, arrivalRate: 0.000_2, averageWaiting }), view('b', many), view('c', { averageWaiting: 4 })]
    expect(decide(models(2.8)).wake).toBe('b')
    expect(decide(models(3)).wake).toBeUndefined()
  })

  test('is not asked for once a drain has begun: it is only for whom that is decided again', () => {
    const models = (draining: boolean) => [awake({ inFlight: 2, draining }), view('b', waiters(0)), view('c', waiters(4_000))]
    expect(decide(models(false)).wake).toBeUndefined()
    expect(decide(models(true))).toMatchObject({ wake: 'c', evict: ['a'] })
  })
})

describe('the target', () => {
  test('is where the most waiting ends for the time it takes', () => {
    expect(decide([awake(), view('b', waiters(9_000)), view('c', waiters(5_000, 5_000))]).wake).toBe('b')
    expect(decide([awake(), view('b', waiters(9_000)), view('c', waiters(6_000, 6_000))]).wake).toBe('c')
  })

  test('a cheap switch comes before an expensive one', () => {
    const models = [awake(), view('b', waiters(5_000)), view('c', waiters(5_000))]
    expect(decide(models, { wakes: { a: { b: 20_000, c: 3_000 } } }).wake).toBe('c')
    expect(decide(models, { wakes: { a: { b: 3_000, c: 20_000 } } }).wake).toBe('b')
  })
})

describe('a request that is overdue', () => {
  // M = max(60 s, 3 · 28 s) = 84 s, less the 10 s of the switch.
  const busy = (more: Partial<ModelView> = {}) => awake({ inFlight: 100, arrivalRate: 1, ...more })

  test('goes first when it would have waited too long by the time it is served', () => {
    expect(decide([busy(), view('b', waiters(73_999))])).toEqual({ wake: undefined, evict: [], lookAgainAt: now + 1 })
    expect(decide([busy(), view('b', waiters(74_000))]).wake).toBe('b')
  })

  test('the oldest first, whatever else waits', () => {
    expect(decide([busy(), view('b', waiters(...Array(50).fill(80_000))), view('c', waiters(81_000))]).wake).toBe('c')
  })

  test('waits until the awake model has had three times what the switch costs, unless that is idle', () => {
    const young = { awakeSince: now - 29_000 }
    expect(decide([busy(young), view('b', waiters(90_000))])).toEqual({ wake: undefined, evict: [], lookAgainAt: now + 1_000 })
    expect(decide([busy({ ...young, inFlight: 0 }), view('b', waiters(90_000))]).wake).toBe('b')
  })

  test('does not overtake earlier requests that wait for room at the awake model', () => {
    const full = (age: number, draining = false) => busy({ inFlight: 256, maxConcurrency: 256, draining, ...waiters(age) })
    const models = (age: number, draining = false) => [full(age, draining), view('b', waiters(90_000)), view('c', waiters(...Array(50).fill(80_000)))]
    expect(decide(models(89_999)).wake).toBe('b')
    expect(decide(models(90_001)).wake).toBeUndefined()
    // It goes anyway: then for the oldest.
    expect(decide(models(90_001, true)).wake).toBe('b')
  })

  test('with a longer limit waits longer', () => {
    const patient = evenHanded({ type: 'even-handed', beta: 0.5, maxWait: 100_000 })
    expect(patient(snapshot(now, [busy(), view('b', waiters(89_000))])).lookAgainAt).toBe(now + 1_000)
  })
})

describe('with several models awake', () => {
  const small = { gpuShare: 0.5 }

  test('a model with room is woken at once', () => {
    expect(decide([awake({ ...small, inFlight: 9, arrivalRate: 1 }), view('b', { ...waiters(0), ...small })])).toMatchObject({ wake: 'b', evict: [] })
  })

  test('an idle one goes rather than a busy one', () => {
    const models = [awake({ ...small, inFlight: 9, arrivalRate: 1 }), view('b', { awakeSince: now - 10, ...small }), view('c', { ...waiters(0), ...small })]
    expect(decide(models)).toMatchObject({ wake: 'c', evict: ['b'] })
  })

  test('what is inflicted on all who would have to go counts together', () => {
    const half = { ...small, arrivalRate: 10_000 / (0.25 * 24_000 ** 2) * 0.6 }
    const models = [awake(half), view('b', { awakeSince: now - 10, ...half }), view('c', waiters(0))]
    expect(decide(models).wake).toBeUndefined()
    expect(decide([models[0]!, { ...models[1]!, arrivalRate: 0 }, models[2]!])).toMatchObject({ wake: 'c', evict: ['a', 'b'] })
  })

  test('GPUs do not mind each other', () => {
    const other = view('b', { awakeSince: now - 10, gpus: [1] })
    const models = [awake({ inFlight: 9, arrivalRate: 1 }), other, view('c', waiters(9_000)), view('d', { ...waiters(0), gpus: [1] })]
    expect(decide(models)).toMatchObject({ wake: 'd', evict: ['b'] })
  })

  test('a large model that is overdue is not overtaken while one of its GPUs is held', () => {
    const large = view('large', { ...waiters(60_000), gpus: [0, 1], held: true })
    const later = view('small', { ...waiters(1), gpus: [1] })
    expect(decide([large, later]).wake).toBeUndefined()
    expect(decide([{ ...large, ...waiters(59_999) }, later]).wake).toBe('small')
  })
})

describe('the time to serve a number of requests', () => {
  test.each([[0, 0], [1, 1], [2, 1.5], [4, 25 / 12]])('H(%d) = %d', (n, sum) => {
    expect(harmonic(n)).toBeCloseTo(sum, 12)
  })

  test('is that of the longest of several concurrent requests', () => {
    let sum = 0
    for (let n = 1; n <= 1_000; n++) {
      sum += 1 / n
      expect(Math.abs(harmonic(n) - sum)).toBeLessThan(1e-6)
    }
    expect(servingTime({ serviceTime: 10, maxConcurrency: 4 }, 4)).toBeCloseTo(10 * 25 / 12)
    expect(servingTime({ serviceTime: 10, maxConcurrency: 2 }, 4)).toBeCloseTo(20 * 25 / 12)
  })
})

// There and back at 2 s, so that y = 2 s + min(4 s, 1 · 4 s) + 2 s = 8 s, and with a request every 4 s leaving inflicts
// 0.5 · y² / (2 · 4 s) = 4 s, of which 2 s pass during the switch.
describe('models that can be frozen', () => {
  const costs = { wakes: { a: { b: 2_000 }, b: { a: 2_000 } } }
  const busy = (more: Partial<ModelView> = {}) => awake({ freezes: true, inFlight: 1, departureRate: 1 / 60_000, arrivalRate: 1 / 4_000, ...more })
  const decideFreezing = (awake: ModelView, ...others: ModelView[]) => decide([awake, ...others], costs)

  test('are left with requests in flight, which are frozen at once', () => {
    expect(decideFreezing(busy(), view('b', waiters(2_100)))).toMatchObject({ wake: 'b', evict: ['a'], freezeAt: now })
    expect(decideFreezing(busy({ freezes: false }), view('b', waiters(2_100))).wake).toBeUndefined()
  })

  test('only when it is worth it, for requests that come meanwhile', () => {
    const { wake, lookAgainAt } = decideFreezing(busy(), view('b', waiters(1_900)))
    expect(wake).toBeUndefined()
    expect(lookAgainAt).toBeCloseTo(now + 100)
  })

  test('not when they are about to be done anyway', () => {
    // 3 · 8 s · 1/23 s is more than the one who waits.
    expect(decideFreezing(busy({ arrivalRate: 0, departureRate: 1 / 23_000 }), view('b', waiters(20_000))).wake).toBeUndefined()
    expect(decideFreezing(busy({ arrivalRate: 0, departureRate: 1 / 25_000 }), view('b', waiters(20_000))).wake).toBe('b')
    // Others come in their place, of which seven of ten count.
    expect(decideFreezing(busy({ arrivalRate: 1 / 70_000, departureRate: 1 / 18_000 }), view('b', waiters(20_000))).wake).toBeUndefined()
    expect(decideFreezing(busy({ arrivalRate: 1 / 70_000, departureRate: 1 / 20_000 }), view('b', waiters(20_000))).wake).toBe('b')
  })

  test('not for requests that are frozen themselves: two long answers do not alternate', () => {
    const frozen = { frozen: 1, frozenSince: now - 20_000 }
    const alone = busy({ arrivalRate: 0 })
    expect(decideFreezing(alone, view('b', { ...waiters(20_000), ...frozen })).wake).toBeUndefined()
    expect(decideFreezing(alone, view('b', { ...waiters(20_000, 5_000), ...frozen })).wake).toBe('b')
    expect(decideFreezing(busy({ inFlight: 0 }), view('b', { ...waiters(20_000), ...frozen })).wake).toBe('b')
  })

  test('for requests that are frozen themselves, if the awake model gets more requests than it finishes', () => {
    expect(decideFreezing(busy(), view('b', { ...waiters(20_000), frozen: 1, frozenSince: now - 20_000 })).wake).toBe('b')
  })

  test('not before they have been awake for a quarter of the way there and back', () => {
    expect(decideFreezing(busy({ awakeSince: now - 900 }), view('b', waiters(20_000)))).toMatchObject({ wake: undefined, lookAgainAt: now + 100 })
    expect(decideFreezing(busy({ awakeSince: now - 1_000 }), view('b', waiters(20_000))).wake).toBe('b')
  })

  test('later where it takes long to compute again what they were frozen with', () => {
    // y is longer by 1.5 s, and for so long they have not been visited.
    const slow = { thawTime: 1_500 }
    expect(decideFreezing(busy(slow), view('b', waiters(3_600))).wake).toBeUndefined()
    expect(decideFreezing(busy(slow), view('b', waiters(3_700))).wake).toBe('b')
    expect(decideFreezing(busy({ ...slow, awakeSince: now - 2_000 }), view('b', waiters(20_000)))).toMatchObject({ wake: undefined, lookAgainAt: now + 500 })
  })

  test('later where they have lasted long, and have been frozen before: until they have had their share', () => {
    expect(decideFreezing(busy({ owed: 700 }), view('b', waiters(20_000)))).toMatchObject({ wake: undefined, lookAgainAt: now + 700 })
    expect(decideFreezing(busy({ owed: 700, inFlight: 0 }), view('b', waiters(20_000))).wake).toBe('b')
  })

  describe('for a model that comes before all of them', () => {
    const urgent = { ...waiters(0), priority: 1 }

    test('are frozen at once, whatever the benefit', () => {
      expect(decideFreezing(busy({ priority: 0, owed: 5_000 }), view('b', urgent))).toMatchObject({ wake: 'b', freezeAt: now })
      expect(decideFreezing(busy({ priority: 1 }), view('b', urgent)).wake).toBeUndefined()
      expect(decideFreezing(busy({ priority: 0, freezes: false }), view('b', urgent)).wake).toBeUndefined()
    })

    test('before others that would be due', () => {
      const three = { wakes: { a: { b: 2_000, c: 2_000 }, b: { a: 2_000 }, c: { a: 2_000 } } }
      const { wake } = decide([busy({ priority: 0 }), view('b', urgent), view('c', { ...waiters(20_000, 20_000), priority: 0 })], three)
      expect(wake).toBe('b')
    })

    test('not before they have been awake for a quarter of the way there and back, so that nobody is woken in vain', () => {
      expect(decideFreezing(busy({ priority: 0, awakeSince: now - 900 }), view('b', urgent))).toMatchObject({ wake: undefined, lookAgainAt: now + 100 })
    })
  })

  test('all of them, or they are drained', () => {
    const half = { gpuShare: 0.5, inFlight: 1, departureRate: 1 / 60_000 }
    const two = [awake({ ...half, freezes: true }), view('c', { ...half, awakeSince: now - 100_000, freezes: false })]
    expect(policy(snapshot(now, [...two, view('b', waiters(20_000))], costs)).wake).toBeUndefined()
  })
})
