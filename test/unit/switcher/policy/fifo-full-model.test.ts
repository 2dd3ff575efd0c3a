import { expect, test } from 'vitest'
import { fifo } from '../../../../lib/switcher/policy/fifo.ts'
import { snapshot, view } from '../helper.ts'

const policy = fifo({ type: 'fifo', minActive: 0 })

test('requests that wait because the awake model is full come before later ones for another', () => {
  const awake = view('a', { awakeSince: 0, inFlight: 1, waiting: 1, oldest: 10 })
  expect(policy(snapshot(100, [awake, view('b', { waiting: 1, oldest: 11 })]))).toEqual({ wake: undefined, evict: [], lookAgainAt: undefined })
  expect(policy(snapshot(100, [awake, view('b', { waiting: 1, oldest: 9 })]))).toMatchObject({ wake: 'b', evict: ['a'] })
})

test('a full model holds up nobody who finds room beside it', () => {
  const awake = view('a', { awakeSince: 0, inFlight: 1, waiting: 1, oldest: 10, gpuShare: 0.5 })
  expect(policy(snapshot(100, [awake, view('b', { waiting: 1, oldest: 11, gpuShare: 0.5 })]))).toMatchObject({ wake: 'b', evict: [] })
})
