import { describe, expect, test } from 'vitest'
import { policyDefaults } from '../../../../lib/options/defaults.ts'
import { longestWait } from '../../../../lib/switcher/policy/bound.ts'
import { snapshot, view } from '../helper.ts'

const limits = { queue: 600_000, drain: 30_000 }
const three = ['a', 'b', 'c'].map(id => view(id, { limits }))
const evenHanded = { policy: policyDefaults['even-handed'], priorities: false }

describe('the longest wait', () => {
  test('of even-handed is M* + (T + C*) + (N − 1)(4·C* + T)', () => {
    // M* = 3 · (10 + 10 + 4 + 4) s
    expect(longestWait(evenHanded, snapshot(0, three))).toBe(84_000 + 40_000 + 2 * 70_000)
    expect(longestWait({ ...evenHanded, policy: { ...policyDefaults['even-handed'], maxWait: 200_000 } }, snapshot(0, three))).toBe(200_000 + 40_000 + 2 * 70_000)
  })

  test('uses the most expensive switch, the longest stay and the longest drain', () => {
    const wakes = { a: { b: 1_000, c: 1_000 }, b: { a: 1_000, c: 20_000 }, c: { a: 1_000, b: 1_000 } }
    expect(longestWait(evenHanded, snapshot(0, three, { wakes }))).toBe(6 * 24_000 + 50_000 + 2 * 110_000)
    const cold = [three[0]!, three[1]!, { ...three[2]!, cold: true, limits: { ...limits, drain: 90_000 }, serviceTime: 8_000 }]
    expect(longestWait(evenHanded, snapshot(0, cold, { wakes, starts: { c: 60_000 } }))).toBe(6 * 68_000 + 150_000 + 2 * 330_000)
  })

  test('of the others begins with the age at which they leave at once', () => {
    const wait = (type: keyof typeof policyDefaults) => longestWait({ policy: policyDefaults[type], priorities: false }, snapshot(0, three))
    expect(wait('time-slice')).toBe(15_000 + 40_000 + 2 * 70_000)
    expect(wait('cost-aware')).toBe(15_000 + 40_000 + 2 * 70_000)
    expect(wait('simple')).toBe(120_000 + 40_000 + 2 * 70_000)
    expect(wait('fifo')).toBe(40_000 + 2 * 70_000)
    expect(longestWait({ policy: { type: 'fifo', minActive: 50_000 }, priorities: false }, snapshot(0, three))).toBe(50_000 + 40_000 + 2 * 90_000)
  })

  test('where all can be frozen it contains no answer, only the time until they are', () => {
    const frozen = three.map(model => ({ ...model, freezes: true }))
    const wait = (type: keyof typeof policyDefaults) => longestWait({ policy: policyDefaults[type], priorities: false }, snapshot(0, frozen))
    expect(wait('even-handed')).toBe(84_000 + 10_000 + 2 * 40_000)
    expect(wait('simple')).toBe(120_000 + 20_000 + 2 * 50_000)
    expect(wait('time-slice'), 'which never freezes before the drain limit').toBe(longestWait({ policy: policyDefaults['time-slice'], priorities: false }, snapshot(0, three)))
  })

  test('with priorities is longer by what others can overtake', () => {
    expect(longestWait({ ...evenHanded, priorities: true }, snapshot(0, three))).toBe(264_000 + 50_000)
  })

  test('of a function is not known', () => {
    expect(longestWait({ policy: () => ({ wake: undefined, evict: [], lookAgainAt: undefined }), priorities: false }, snapshot(0, three))).toBeUndefined()
  })
})
