import { describe, expect, test } from 'vitest'
import { PolicyError } from '../../../../lib/errors.ts'
import { ask } from '../../../../lib/switcher/policy/ask.ts'
import { stay } from '../../../../lib/switcher/policy/policy.ts'
import type { Decision, Policy } from '../../../../lib/switcher/policy/policy.ts'
import { snapshot as snapshotOf, view } from '../helper.ts'

const models = [
  view('awake', { awakeSince: 1 }),
  view('wanted', { waiting: 1, oldest: 5 }),
  view('idle'),
  view('held', { waiting: 1, oldest: 6, held: true, gpus: [1] }),
  view('going', { awakeSince: 2, held: true, gpus: [2] }),
  view('busy', { awakeSince: 3, waiting: 1, oldest: 7, gpus: [3] })
]
const snapshot = snapshotOf(100, models)
const fallback: Decision = { wake: 'wanted', evict: ['awake'], lookAgainAt: undefined }

function asked (policy: Policy) {
  const errors: Error[] = []
  return { decision: ask(policy, snapshot, error => errors.push(error)), errors }
}

describe('carries out a possible decision', () => {
  test.each<[string, Decision]>([
    ['to wake', fallback],
    ['to stay', stay()],
    ['to look again', stay(200)],
    ['to evict more than must go', { wake: 'wanted', evict: ['awake', 'busy'], lookAgainAt: undefined }]
  ])('%s', (_, decision) => {
    const policy: Policy = seen => {
      expect(seen).toBe(snapshot)
      return decision
    }
    expect(asked(policy)).toEqual({ decision, errors: [] })
  })
})

describe('reports an impossible decision, and fifo decides', () => {
  test.each<[string, Decision, string]>([
    ['an unknown model', { ...fallback, wake: 'nobody' }, 'there is no model nobody'],
    ['a model that no request waits for', { ...fallback, wake: 'idle' }, 'no request waits for idle'],
    ['a model that is awake', { ...fallback, wake: 'busy' }, 'busy is awake'],
    ['a model that cannot be moved', { ...fallback, wake: 'held' }, 'held cannot be moved now'],
    ['too few models to evict', { ...fallback, evict: [] }, 'wanted does not fit unless more models go'],
    ['an unknown model to evict', { ...fallback, evict: ['awake', 'nobody'] }, 'nobody is not awake, or cannot be moved now'],
    ['a sleeping model to evict', { ...fallback, evict: ['awake', 'idle'] }, 'idle is not awake, or cannot be moved now'],
    ['a model to evict that cannot be moved', { ...fallback, evict: ['awake', 'going'] }, 'going is not awake, or cannot be moved now'],
    ['a model to evict twice', { ...fallback, evict: ['awake', 'awake'] }, 'evict names a model twice'],
    ['a wrong time to look again at', stay(NaN), 'lookAgainAt is not a time: NaN']
  ])('%s', (_, decision, fault) => {
    const { decision: carriedOut, errors } = asked(() => decision)
    expect(carriedOut).toEqual(fallback)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(PolicyError)
    expect(errors[0]!.message).toBe(`the policy failed, and fifo decided in its place: ${fault}`)
  })

  test('no answer', () => {
    const { decision, errors } = asked(() => undefined as unknown as Decision)
    expect(decision).toEqual(fallback)
    expect(errors).toEqual([expect.any(PolicyError)])
  })

  test('a policy that throws', () => {
    const cause = new Error('oh')
    const { decision, errors } = asked(() => { throw cause })
    expect(decision).toEqual(fallback)
    expect(errors[0]).toMatchObject({ message: 'the policy failed, and fifo decided in its place: Error: oh', cause })
  })
})
