import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fifo } from '../../../../lib/switcher/policy/fifo.ts'
import { createPolicy } from '../../../../lib/switcher/policy/index.ts'
import type { ModelView } from '../../../../lib/switcher/policy/policy.ts'
import { property } from '../../../helpers/property.ts'
import { snapshot, view } from '../helper.ts'

const now = 1_000
const at = (minActive: number, models: ModelView[]) => fifo({ type: 'fifo', minActive })(snapshot(now, models))
const stay = { wake: undefined, evict: [], lookAgainAt: undefined }

describe('fifo', () => {
  test('stays while nobody waits', () => {
    expect(at(0, [view('a', { awakeSince: 1 }), view('b')])).toEqual(stay)
  })

  test('leaves for the longest wait, in any order of models', () => {
    const a = view('a', { awakeSince: 1, inFlight: 5 })
    const b = view('b', { waiting: 1, oldest: 20 })
    const c = view('c', { waiting: 9, oldest: 10 })
    expect(at(0, [a, b, c])).toEqual({ wake: 'c', evict: ['a'], lookAgainAt: undefined })
    expect(at(0, [c, b, a])).toEqual({ wake: 'c', evict: ['a'], lookAgainAt: undefined })
  })

  test('does not leave for requests of the awake model', () => {
    expect(at(0, [view('a', { awakeSince: 1, waiting: 1, oldest: 5 }), view('b')])).toEqual(stay)
  })

  test('leaves those alone that cannot be moved now', () => {
    expect(at(0, [view('a', { waiting: 1, oldest: 1, held: true })])).toEqual(stay)
  })

  test('wakes at once where there is room', () => {
    const models = [view('a', { awakeSince: now, gpus: [1] }), view('b', { waiting: 1, oldest: 1 })]
    expect(at(5_000, models)).toEqual({ wake: 'b', evict: [], lookAgainAt: undefined })
  })

  test('with minActive stays until the awake model has had its time, and says when that is', () => {
    const models = (awakeSince: number) => [view('a', { awakeSince }), view('b', { waiting: 1, oldest: 1 })]
    expect(at(300, models(701))).toEqual({ ...stay, lookAgainAt: 1_001 })
    expect(at(300, models(700))).toEqual({ wake: 'b', evict: ['a'], lookAgainAt: undefined })
  })

  test('with minActive every model that makes room has its time', () => {
    const small = { gpuShare: 0.5 }
    const models = [view('a', { awakeSince: 100, ...small }), view('c', { awakeSince: 800, ...small }), view('b', { waiting: 1, oldest: 1 })]
    expect(at(300, models)).toEqual({ ...stay, lookAgainAt: 1_100 })
  })

  test('with several GPUs it looks again when the first of them is free', () => {
    const models = [
      view('a', { awakeSince: 900 }), view('b', { waiting: 1, oldest: 1 }),
      view('c', { awakeSince: 800, gpus: [1] }), view('d', { waiting: 1, oldest: 2, gpus: [1] }),
      view('e', { awakeSince: 850, gpus: [2] }), view('f', { waiting: 1, oldest: 3, gpus: [2] })
    ]
    expect(at(300, models)).toEqual({ ...stay, lookAgainAt: 1_100 })
  })

  test('a later request comes first where no other waits', () => {
    const models = [view('a', { awakeSince: 900 }), view('b', { waiting: 1, oldest: 1 }), view('c', { waiting: 1, oldest: 2, gpus: [1] })]
    expect(at(300, models)).toMatchObject({ wake: 'c', evict: [] })
  })

  test.each([
    ['has to wait for minActive', view('large', { waiting: 1, oldest: 1, gpus: [0, 1] }), 300],
    ['is held by a transition', view('large', { waiting: 1, oldest: 1, gpus: [0, 1], held: true }), 0]
  ])('nobody overtakes on a GPU a model that needs more and %s', (_, large, minActive) => {
    const models = [view('a', { awakeSince: 900 }), large, view('small', { waiting: 1, oldest: 2, gpus: [1] })]
    expect(at(minActive, models).wake).toBeUndefined()
    expect(at(minActive, [models[0]!, { ...large, oldest: 3 }, models[2]!])).toMatchObject({ wake: 'small', evict: [] })
  })

  test('a model that is in nobody\'s way does not have to have its time', () => {
    const models = [view('a', { awakeSince: now, gpus: [1] }), view('b', { awakeSince: 1 }), view('c', { waiting: 1, oldest: 1 })]
    expect(at(300, models)).toEqual({ wake: 'c', evict: ['b'], lookAgainAt: undefined })
  })

  const models = fc.array(fc.record({ awake: fc.boolean(), waiting: fc.nat({ max: 2 }), oldest: fc.nat({ max: now }), held: fc.boolean(), gpus: fc.subarray([0, 1], { minLength: 1 }), gpuShare: fc.constantFrom(1, 0.5) }), { maxLength: 5 })
    .map(all => all.map(({ awake, ...rest }, index) => view(`${index}`, { ...rest, oldest: rest.waiting === 0 ? undefined : rest.oldest, awakeSince: awake ? index * 100 : undefined })))

  test('is pure: the same question has the same answer, and changes nothing', () => {
    fc.assert(fc.property(models, fc.constantFrom(0, 300), (models, minActive) => {
      const before = structuredClone(models)
      const policy = fifo({ type: 'fifo', minActive })
      const first = policy(snapshot(now, models))
      expect(policy(snapshot(now, models))).toEqual(first)
      expect(models).toEqual(before)
      expect(first.lookAgainAt ?? Infinity).toBeGreaterThan(now)
    }), property(200))
  })
})

test('the option chooses the policy', () => {
  const models = [view('a', { awakeSince: now - 10 }), view('b', { waiting: 1, oldest: 1 })]
  expect(createPolicy({ type: 'fifo', minActive: 0 })(snapshot(now, models))).toMatchObject({ wake: 'b' })
  expect(createPolicy({ type: 'fifo', minActive: 11 })(snapshot(now, models))).toMatchObject({ wake: undefined, lookAgainAt: now + 1 })
})
