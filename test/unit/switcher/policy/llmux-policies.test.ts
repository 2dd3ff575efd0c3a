import { describe, expect, test } from 'vitest'
import { createPolicy } from '../../../../lib/switcher/policy/index.ts'
import type { ModelView } from '../../../../lib/switcher/policy/policy.ts'
import type { PolicyOption } from '../../../../lib/options/types.ts'
import { snapshot, view } from '../helper.ts'

const now = 1_000_000
const awake = (more: Partial<ModelView> = {}) => view('a', { awakeSince: now - 100_000, inFlight: 4, ...more })
const waiting = (id: string, count: number, age = 0) => view(id, { waiting: count, oldest: now - age, age: count * age })
const decide = (policy: PolicyOption, models: ModelView[], cost = 10_000) => createPolicy(policy)(snapshot(now, models, { initial: cost }))
const stay = { wake: undefined, evict: [] }

describe('cost-aware', () => {
  test('leaves when enough wait for what the switch costs', () => {
    expect(decide('cost-aware', [awake(), waiting('b', 4)]).wake).toBeUndefined()
    expect(decide('cost-aware', [awake(), waiting('b', 5)])).toMatchObject({ wake: 'b', evict: ['a'] })
    expect(decide({ type: 'cost-aware', amortizationFactor: 0.3 }, [awake(), waiting('b', 3)]).wake).toBe('b')
  })

  test('leaves for fewer after the window, and says when that is', () => {
    expect(decide('cost-aware', [awake(), waiting('b', 1, 1_999)])).toEqual({ ...stay, lookAgainAt: now + 1 })
    expect(decide('cost-aware', [awake(), waiting('b', 1, 2_000)]).wake).toBe('b')
    expect(decide({ type: 'cost-aware', coalesceWindow: 100 }, [awake(), waiting('b', 1, 100)]).wake).toBe('b')
  })

  test('serves at least as long as the switch takes, unless a request is overdue', () => {
    const young = awake({ awakeSince: now - 9_000 })
    expect(decide('cost-aware', [young, waiting('b', 50, 14_000)])).toEqual({ ...stay, lookAgainAt: now + 1_000 })
    expect(decide('cost-aware', [young, waiting('b', 50, 15_000)]).wake).toBe('b')
    expect(decide({ type: 'cost-aware', maxWait: 14_000 }, [young, waiting('b', 50, 14_000)]).wake).toBe('b')
  })
})

describe('time-slice', () => {
  test('leaves an idle model for the longest queue', () => {
    expect(decide('time-slice', [awake({ inFlight: 0 }), waiting('b', 1, 9_000), waiting('c', 2)])).toMatchObject({ wake: 'c', evict: ['a'] })
  })

  test('stays while there is anything to do, and its bound is kept by the clock', () => {
    expect(decide('time-slice', [awake({ inFlight: 1 }), waiting('b', 99, 14_000)])).toEqual({ ...stay, lookAgainAt: now + 1_000 })
    expect(decide('time-slice', [awake({ inFlight: 0, waiting: 1, oldest: now, age: 0 }), waiting('b', 99, 14_000)]).wake).toBeUndefined()
    expect(decide('time-slice', [awake({ inFlight: 1 }), waiting('b', 1, 15_000), waiting('c', 99, 14_000)]).wake).toBe('b')
  })

  test('gives a model its quantum', () => {
    const young = awake({ awakeSince: now - 500, inFlight: 0 })
    expect(decide('time-slice', [young, waiting('b', 1)])).toEqual({ ...stay, lookAgainAt: now + 1_500 })
    expect(decide({ type: 'time-slice', minQuantum: 500 }, [young, waiting('b', 1)]).wake).toBe('b')
  })
})

describe('simple', () => {
  test('requests in flight are frozen after as long as the switch takes', () => {
    expect(decide('simple', [awake(), waiting('b', 16)]).freezeAt).toBe(now + 10_000)
  })

  test('leaves an idle model', () => {
    expect(decide('simple', [awake({ inFlight: 0 }), waiting('b', 1)]).wake).toBe('b')
  })

  test('leaves a busy one when many more wait', () => {
    expect(decide('simple', [awake(), waiting('b', 15)]).wake).toBeUndefined()
    expect(decide('simple', [awake(), waiting('b', 16)]).wake).toBe('b')
    expect(decide('simple', [awake(), waiting('b', 16)], 20_000).wake).toBeUndefined()
    expect(decide({ type: 'simple', perRequest: 1, perSecond: 0 }, [awake(), waiting('b', 5)]).wake).toBe('b')
  })

  test('lets nobody wait for more than two minutes', () => {
    expect(decide('simple', [awake(), waiting('b', 1, 119_000)])).toEqual({ ...stay, lookAgainAt: now + 1_000 })
    expect(decide('simple', [awake(), waiting('b', 1, 120_000)]).wake).toBe('b')
  })
})

test('a function is a policy as it is', () => {
  const policy = () => ({ wake: undefined, evict: [], lookAgainAt: 5 })
  expect(createPolicy(policy)).toBe(policy)
})
