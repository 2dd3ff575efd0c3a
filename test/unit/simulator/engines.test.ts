import { expect, test } from 'vitest'
import { SimulatedClock } from '../../../lib/simulator/clock.ts'
import type { Costs } from '../../../lib/simulator/costs.ts'
import { costOf } from '../../../lib/simulator/costs.ts'
import { SimulatedEngines } from '../../../lib/simulator/engines.ts'

/** How long each wake takes; a model in brackets is put to sleep before. */
function durations (costs: Costs, steps: readonly (readonly [string | undefined, string])[]): number[] {
  const clock = new SimulatedClock(0)
  const engines = new SimulatedEngines(clock, costs, 'a', false)
  return steps.map(([from, to]) => {
    const begin = clock.now()
    if (from !== undefined) engines.sleep(from, undefined, () => {})
    let end: number | undefined
    engines.wake(to, () => { end = clock.now() })
    clock.advanceToNext()
    return end! - begin
  })
}

test('who is awake from the beginning costs nothing, and every other wake what the pair costs', () => {
  const pairs = { a: { b: 3_000 }, b: { a: 40_000 } }
  expect(durations({ switch: pairs }, [[undefined, 'a'], ['a', 'b'], ['b', 'a'], ['a', 'b']])).toEqual([0, 3_000, 40_000, 3_000])
  expect(durations({ switch: 5_000, start: 60_000 }, [[undefined, 'a'], ['a', 'b'], ['b', 'a'], ['a', 'b']])).toEqual([0, 60_000, 5_000, 5_000])
})

test('where nobody goes, the least of what the model costs', () => {
  expect(costOf({ switch: { a: { c: 9 }, b: { c: 4 } } }, undefined, 'c', false)).toBe(4)
})

test('an engine is cold until its first start, if that has a cost of its own', () => {
  const clock = new SimulatedClock(0)
  const engines = new SimulatedEngines(clock, { switch: 1, start: 2 }, 'a', false)
  expect([engines.cold('a'), engines.cold('b')]).toEqual([false, true])
  engines.wake('b', () => {})
  expect(engines.cold('b')).toBe(false)
  expect(new SimulatedEngines(clock, { switch: 1 }, 'a', false).cold('b')).toBe(false)
})
