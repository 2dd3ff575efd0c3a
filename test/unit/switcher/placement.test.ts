import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fits, mustGo, shareGpu } from '../../../lib/switcher/placement.ts'
import type { ModelView } from '../../../lib/switcher/policy/policy.ts'
import { property } from '../../helpers/property.ts'
import { view } from './helper.ts'

describe('fits', () => {
  test('shares of one GPU add up to one', () => {
    const half = view('a', { gpuShare: 0.5 })
    expect(fits(half, [half])).toBe(true)
    expect(fits(half, [half, view('b', { gpuShare: 0.1 })])).toBe(false)
  })

  test('shares are decimals: 0.1 + 0.2 + 0.7 is one GPU', () => {
    expect(fits(view('a', { gpuShare: 0.7 }), [view('b', { gpuShare: 0.1 }), view('c', { gpuShare: 0.2 })])).toBe(true)
    expect(fits(view('a', { gpuShare: 0.1 }), [view('b', { gpuShare: 0.2 }), view('c', { gpuShare: 0.7 })])).toBe(true)
  })

  test('every GPU of the model needs room', () => {
    const both = view('a', { gpus: [0, 1], gpuShare: 0.5 })
    expect(fits(both, [view('b', { gpus: [0], gpuShare: 0.5 })])).toBe(true)
    expect(fits(both, [view('b', { gpus: [1], gpuShare: 0.6 })])).toBe(false)
  })

  test('other GPUs do not matter, not even when they hold too much', () => {
    const full = view('b', { gpus: [1] })
    expect(fits(view('a', { gpus: [0] }), [full, full])).toBe(true)
  })

  test('an empty GPU takes any model', () => {
    expect(fits(view('a'), [])).toBe(true)
  })
})

test('models share a GPU if any of theirs is the same', () => {
  expect(shareGpu({ gpus: [0, 1] }, { gpus: [1, 2] })).toBe(true)
  expect(shareGpu({ gpus: [0, 1] }, { gpus: [2] })).toBe(false)
})

describe('mustGo', () => {
  const candidate = view('x')

  test('nobody, if there is room', () => {
    expect(mustGo(candidate, [candidate, view('a')])).toEqual([])
  })

  test('the model on the GPU', () => {
    expect(mustGo(candidate, [candidate, view('a', { awakeSince: 1 })])).toEqual(['a'])
  })

  test('nobody on other GPUs', () => {
    expect(mustGo(candidate, [candidate, view('a', { awakeSince: 1, gpus: [1] })])).toEqual([])
  })

  test('idle models go first, then the one that has been awake longest', () => {
    const half = view('x', { gpuShare: 0.5 })
    const a = view('a', { awakeSince: 1, inFlight: 3, gpuShare: 0.5 })
    const b = view('b', { awakeSince: 5, gpuShare: 0.5 })
    expect(mustGo(half, [half, a, b])).toEqual(['b'])
    expect(mustGo(half, [half, a, { ...b, inFlight: 1 }])).toEqual(['a'])
    expect(mustGo(half, [half, { ...a, inFlight: 0 }, b])).toEqual(['a'])
    expect(mustGo(half, [half, { ...a, awakeSince: 9, inFlight: 0 }, b])).toEqual(['b'])
  })

  test('not a model that fits beside others that must go anyway', () => {
    const most = view('x', { gpuShare: 0.7 })
    const small = view('a', { awakeSince: 1, gpuShare: 0.3 })
    const large = view('b', { awakeSince: 2, gpuShare: 0.7 })
    expect(mustGo(most, [small, large, most])).toEqual(['b'])
  })

  test('cannot be told while somebody in the way cannot be moved', () => {
    expect(mustGo(candidate, [candidate, view('a', { awakeSince: 1, held: true })])).toBeUndefined()
    expect(mustGo(candidate, [candidate, view('a', { onGpu: true, held: true })])).toBeUndefined()
  })

  test('counts a model that cannot be moved, and moves the others', () => {
    const half = view('x', { gpuShare: 0.5 })
    const held = view('a', { onGpu: true, held: true, gpuShare: 0.5 })
    expect(mustGo(half, [half, held, view('b', { awakeSince: 1, gpuShare: 0.5 })])).toEqual(['b'])
  })

  const models = fc.array(fc.record({
    awake: fc.boolean(),
    stuck: fc.boolean(),
    held: fc.boolean(),
    inFlight: fc.nat({ max: 2 }),
    gpus: fc.subarray([0, 1, 2], { minLength: 1 }),
    gpuShare: fc.constantFrom(1, 0.5, 0.3, 0.1)
  }), { minLength: 1, maxLength: 8 }).map(all => all.map(({ awake, stuck, held, ...rest }, index): ModelView => {
    const onGpu = index > 0 && (awake || stuck)
    return view(`${index}`, { ...rest, onGpu, awakeSince: index > 0 && awake ? index : undefined, held: index > 0 && (held || (stuck && !awake)) })
  }))

  test('makes room, takes no more than needed, and never a model that is held, not awake or elsewhere', () => {
    fc.assert(fc.property(models, ([candidate, ...others]) => {
      const evicted = mustGo(candidate!, [candidate!, ...others])
      const onGpu = others.filter(model => model.onGpu)
      const movable = onGpu.filter(model => !model.held && shareGpu(model, candidate!))
      const unmovable = onGpu.filter(model => !movable.includes(model))
      // Only if even all of them together would not be enough is there no answer.
      expect(evicted === undefined).toBe(!fits(candidate!, unmovable))
      if (evicted === undefined) return
      expect(evicted.every(id => movable.some(model => model.id === id))).toBe(true)
      const staying = onGpu.filter(({ id }) => !evicted.includes(id))
      expect(fits(candidate!, staying)).toBe(true)
      for (const id of evicted) {
        expect(fits(candidate!, [...staying, others.find(model => model.id === id)!])).toBe(false)
      }
    }), property(500))
  })
})
