import { expect, it } from 'vitest'
import { costsOf } from '../../../page/src/worker/costs.ts'

const learned = { wakes: { a: { b: 1_000 } }, starts: { b: 30_000 } }

it('a pair costs what was learned of it, and any other what is said', () => {
  expect(costsOf(['a', 'b'], { cost: 5_000, start: 60_000, learned })).toEqual({
    switch: { a: { a: 5_000, b: 1_000 }, b: { a: 5_000, b: 5_000 } },
    start: { a: 60_000, b: 30_000 }
  })
})

it('all cost the same where that is asked for', () => {
  expect(costsOf(['a', 'b'], { cost: 5_000, start: 60_000 })).toEqual({ switch: 5_000, start: 60_000 })
})
