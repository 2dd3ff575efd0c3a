// What every policy must keep to, whatever its snapshot and its traffic.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { policyDefaults } from '../../../../lib/options/defaults.ts'
import type { PolicyOptions } from '../../../../lib/options/types.ts'
import { ask } from '../../../../lib/switcher/policy/ask.ts'
import { longestWait } from '../../../../lib/switcher/policy/bound.ts'
import { createPolicy } from '../../../../lib/switcher/policy/index.ts'
import type { ModelView, Snapshot } from '../../../../lib/switcher/policy/policy.ts'
import { property } from '../../../helpers/property.ts'
import { snapshot, view } from '../helper.ts'
import { longestStay, run, traffics } from './traffic.ts'
import type { Traffic } from './traffic.ts'

const now = 1_000_000
const types = Object.keys(policyDefaults) as PolicyOptions['type'][]

const models: fc.Arbitrary<ModelView[]> = fc.array(fc.record({
  awake: fc.boolean(),
  awakeFor: fc.nat({ max: 200_000 }),
  ages: fc.array(fc.nat({ max: 150_000 }), { maxLength: 6 }),
  inFlight: fc.nat({ max: 300 }),
  maxConcurrency: fc.constantFrom(1, 32, 256),
  serviceTime: fc.constantFrom(0, 1, 4_000, 300_000),
  arrivalRate: fc.constantFrom(0, 1e-6, 0.001, 10),
  averageWaiting: fc.nat({ max: 20 }),
  held: fc.boolean(),
  cold: fc.boolean(),
  draining: fc.boolean(),
  gpus: fc.subarray([0, 1], { minLength: 1 }),
  gpuShare: fc.constantFrom(1, 0.5)
}), { minLength: 1, maxLength: 6 }).map(all => all.map(({ awake, awakeFor, ages, inFlight, draining, ...rest }, index) => view(`m${index}`, {
  ...rest,
  ...(awake && { awakeSince: now - awakeFor, inFlight, draining }),
  waiting: ages.length,
  oldest: ages.length === 0 ? undefined : now - Math.max(...ages),
  age: ages.reduce((sum, age) => sum + age, 0),
  queue: ages.map(age => ({ since: now - age, priority: 0 }))
})))

const snapshots: fc.Arbitrary<Snapshot> = fc.tuple(models, fc.constantFrom(0, 300, 60_000), fc.constantFrom(0, 10_000, 90_000))
  .map(([models, wake, start]) => snapshot(now, models, { wakes: { m0: { m1: wake, m2: wake }, m1: { m0: wake * 2 } }, starts: { m0: start, m1: start } }))

function frozen<T> (value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

function expectBound (traffic: Traffic, type: PolicyOptions['type']): void {
  const { rig, served, waiting } = run(traffic, type)
  while (rig.clock.advanceToNext());
  expect(waiting()).toBe(0)
  expect(rig.warnings).toEqual([])
  const cost = Math.max(10_000, traffic.sleep + traffic.wake)
  const views = Array.from({ length: traffic.models }, (_, index) => view(`m${index}`, { serviceTime: longestStay, limits: { queue: Infinity, drain: longestStay } }))
  const bound = longestWait({ policy: policyDefaults[type], priorities: false }, { models: views, costs: { initial: cost, wakes: {}, starts: {} } })!
  for (const { wait } of served) expect(wait).toBeLessThanOrEqual(bound)
}

describe.each(types)('%s', type => {
  const policy = createPolicy(type)

  test('names nobody who is not waited for, who is awake or cannot be moved, and makes room: its answers can all be carried out', () => {
    fc.assert(fc.property(snapshots, snapshot => {
      const decision = ask(policy, snapshot, error => { throw error })
      expect(decision.lookAgainAt ?? Infinity).toBeGreaterThan(now)
    }), property(300))
  })

  test('goes by nothing but the snapshot, also by one that was written and read again, and changes nothing in it', () => {
    fc.assert(fc.property(snapshots, snapshot => {
      const decision = createPolicy(type)(frozen(snapshot))
      expect(policy(snapshot)).toEqual(decision)
      expect(policy(JSON.parse(JSON.stringify(snapshot)))).toEqual(decision)
    }), property(200))
  })

  test('serves all of any traffic, nobody later than the bound', () => {
    fc.assert(fc.property(traffics, traffic => {
      expectBound(traffic, type)
    }), property(60))
  })

  test('lets nobody starve beside a model that is never idle', () => {
    const steady = Array.from({ length: 1_500 }, () => ({ after: 300, model: 0, stay: longestStay, leaves: false }))
    expectBound({ models: 2, sleep: 1_000, wake: 2_000, requests: [...steady.slice(0, 300), { after: 0, model: 1, stay: 1, leaves: false }, ...steady] }, type)
  })

  test('a switch is followed by a request that is served, before the next', () => {
    fc.assert(fc.property(traffics, traffic => {
      const { rig } = run({ ...traffic, requests: traffic.requests.map(request => ({ ...request, leaves: false })) }, type)
      let woken: string | undefined
      // Told afterwards: in the midst of an event an assertion would not reach the test.
      const inVain: string[] = []
      rig.events.on('transition', ({ from, to, model }) => {
        if ((to === 'draining' || to === 'checking') && woken !== undefined) inVain.push(woken)
        if (from === 'waking') woken = model
      })
      rig.events.on('request', ({ to, model }) => { if (to === 'granted' && model === woken) woken = undefined })
      while (rig.clock.advanceToNext());
      expect(inVain).toEqual([])
    }), property(40))
  })

  test('leaves an idle GPU alone no longer than it says', () => {
    fc.assert(fc.property(traffics, traffic => {
      const { rig, asked, waiting } = run(traffic, type)
      let inFlight = 0
      rig.events.on('request', ({ from, to }) => { inFlight += Number(to === 'granted') - Number(from === 'granted') })
      while (rig.clock.advanceToNext()) {
        if (waiting() === 0 || inFlight > 0 || rig.switcher.status().transitions.length > 0) continue
        // Nothing else happens: it must have said when to ask again, and that time must not have passed.
        expect(asked.at(-1)!.decision.lookAgainAt).toBeGreaterThan(rig.clock.now() - 1)
      }
    }), property(40))
  })

  test('decides the same when what it was asked is put to it again', () => {
    fc.assert(fc.property(traffics, traffic => {
      const { rig, asked } = run(traffic, type)
      while (rig.clock.advanceToNext());
      for (const { snapshot, decision } of asked) expect(createPolicy(type)(snapshot)).toEqual(decision)
    }), property(20))
  })
})
