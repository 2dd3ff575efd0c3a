import { describe, expect, test } from 'vitest'
import { resolvePolicy } from '../../../lib/options/index.ts'
import { createPolicy } from '../../../lib/switcher/policy/index.ts'
import { Rig } from '../../helpers/switcher-rig.ts'
import { snapshot, view } from './helper.ts'

const now = 1_000_000

/** `a` serves, with a request that came just now; `b` is waited for by one whose limit ends in so many milliseconds. A switch takes 4 s. */
function decide (type: 'time-slice' | 'cost-aware' | 'simple' | 'even-handed', left: number, a = {}) {
  const policy = createPolicy(resolvePolicy({ type, maxWait: 600_000 }))
  const serving = view('a', { awakeSince: now - 60_000, inFlight: 200, serviceTime: 60_000, drainTime: 2_000, arrivalRate: 1, departureRate: 0.003, freezes: false, ...a })
  const waiting = view('b', { waiting: 1, oldest: now - 1, age: 1, averageWaiting: 5, deadline: now + left })
  return policy({ ...snapshot(now, [serving, waiting]), costs: { initial: 4_000, starts: {}, wakes: { a: { b: 4_000 }, b: { a: 4_000 } } } })
}

describe.each(['time-slice', 'cost-aware', 'simple', 'even-handed'] as const)('%s', type => {
  test('has time as long as the drain, the switch and half as much again fit into what is left', () => {
    const { wake, lookAgainAt } = decide(type, 20_000)
    expect(wake).toBeUndefined()
    expect(lookAgainAt).toBeLessThanOrEqual(now + 20_000 - 4_000 - 2_000 - 3_000 - 1_000)
  })

  test('leaves for a request whose limit would end before its turn', () => {
    expect(decide(type, 9_900)).toMatchObject({ wake: 'b', evict: ['a'] })
    expect(decide(type, 6_000)).toMatchObject({ wake: 'b', evict: ['a'] })
  })

  test('does not wait for a drain where requests are frozen', () => {
    expect(decide(type, 4_500, { freezes: true })).toMatchObject({ wake: 'b', evict: ['a'] })
  })

  test('does not leave for one who would be gone before the switch is over', () => {
    expect(decide(type, 5_900).wake).toBeUndefined()
  })

  test('leaves nobody who has not been awake for as long as the switch takes', () => {
    expect(decide(type, 9_900, { awakeSince: now - 3_000 }).wake).toBeUndefined()
  })
})

test('the deadline is that of who came first, whatever its priority, and of nobody who may not cause a switch', () => {
  const rig = new Rig({ models: { a: {}, b: { queue: 20_000 } } })
  rig.awaken('a')
  rig.ask('a')
  expect(rig.view('b').deadline).toBeUndefined()
  rig.ask('b', { mayCauseSwitch: false })
  expect(rig.view('b').deadline).toBeUndefined()
  const came = rig.clock.now()
  const first = rig.ask('b', { priority: -5 })
  rig.clock.advance(1_000)
  rig.ask('b', { priority: 5 })
  expect(rig.view('b').deadline).toBe(came + 20_000)
  first.leave()
  expect(rig.view('b').deadline).toBe(came + 21_000)
})
