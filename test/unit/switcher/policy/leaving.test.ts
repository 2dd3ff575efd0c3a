import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mustGo } from '../../../../lib/switcher/placement.ts'
import { Leavings } from '../../../../lib/switcher/policy/leaving.ts'
import type { ModelView } from '../../../../lib/switcher/policy/policy.ts'
import { property } from '../../../helpers/property.ts'
import { view } from '../helper.ts'

const now = 1_000_000

const models = fc.array(fc.record({
  awakeSince: fc.option(fc.integer({ min: 1, max: now }), { nil: undefined }),
  inFlight: fc.nat({ max: 3 }),
  draining: fc.boolean(),
  oldest: fc.option(fc.integer({ min: 1, max: now }), { nil: undefined }),
  serviceTime: fc.integer({ min: 1, max: 60_000 }),
  // Few places, so that many models have the same one, or nearly.
  gpus: fc.constantFrom([0], [1], [0, 1]),
  gpuShare: fc.constantFrom(0.5, 1)
}), { minLength: 2, maxLength: 8 })
  .map(all => all.map((more, index) => view(`m${index}`, more)))

test('finds the models that make room as if computed anew', () => {
  fc.assert(fc.property(models, all => {
    const leavings = new Leavings(all)
    for (const model of all.filter(({ onGpu }) => !onGpu)) {
      const leaving = leavings.for(model)
      expect(leaving?.models.map(({ id }) => id).sort()).toEqual(mustGo(model, all)?.sort())
    }
  }), property(500))
})

test('its figures are for all of them together', () => {
  const busy = { inFlight: 2, serviceTime: 5_000, oldest: now - 20 }
  const [a, b] = [view('a', { awakeSince: now - 500, gpus: [0], ...busy }), view('b', { awakeSince: now - 300, gpus: [1], inFlight: 1, serviceTime: 7_000, oldest: now - 10 })]
  const of = (...models: ModelView[]) => new Leavings(models).for(view('c', { gpus: [0, 1] }))
  expect(of(a, b)).toEqual({ models: [a, b], gpus: [0, 1], inFlight: 3, awakeSince: now - 300, freezes: false, draining: false, oldest: now - 20, serviceTime: 7_000 })
  // Those who wait for one that drains have been decided upon.
  expect(of({ ...a, freezes: true }, b)).toMatchObject({ freezes: false })
  expect(of({ ...a, freezes: true }, { ...b, freezes: true })).toMatchObject({ freezes: true })
  expect(of({ ...a, draining: true }, b)).toMatchObject({ draining: true, oldest: now - 10 })
  expect(of({ ...a, oldest: undefined }, { ...b, oldest: undefined })).toMatchObject({ oldest: Infinity })
})

test('where there is room nobody must go, and where one is held nobody can', () => {
  const half = { gpuShare: 0.5, awakeSince: now }
  expect(new Leavings([view('a', half)]).for(view('b', { gpuShare: 0.5 }))).toMatchObject({ models: [] })
  expect(new Leavings([view('a', { awakeSince: now, held: true })]).for(view('b'))).toBeUndefined()
})
