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

describe('a decision that makes sense is carried out', () => {
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

describe('a decision that does not is reported, and fifo takes its turn', () => {
  test.each<[string, Decision, string]>([
    ['a model that is not there', { ...fallback, wake: 'nobody' }, 'there is no model nobody'],
    ['a model that nobody waits for', { ...fallback, wake: 'idle' }, 'nobody waits for idle'],
    ['a model that is awake', { ...fallback, wake: 'busy' }, 'busy is awake'],
    ['a model that cannot be moved', { ...fallback, wake: 'held' }, 'held cannot be moved now'],
    ['room that is not made', { ...fallback, evict: [] }, 'wanted does not fit unless more models go'],
    ['somebody to go who is not there', { ...fallback, evict: ['awake', 'nobody'] }, 'nobody is not awake, or cannot be moved now'],
    ['somebody to go who is not awake', { ...fallback, evict: ['awake', 'idle'] }, 'idle is not awake, or cannot be moved now'],
    ['somebody to go who cannot be moved', { ...fallback, evict: ['awake', 'going'] }, 'going is not awake, or cannot be moved now'],
    ['somebody to go twice', { ...fallback, evict: ['awake', 'awake'] }, 'a model cannot go twice'],
    ['no time to look again at', stay(NaN), 'NaN is no time to look again at']
  ])('%s', (_, decision, fault) => {
    const { decision: carriedOut, errors } = asked(() => decision)
    expect(carriedOut).toEqual(fallback)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(PolicyError)
    expect(errors[0]!.message).toBe(`the policy failed, and fifo decided in its place: ${fault}`)
  })

  test('an answer that is none', () => {
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
