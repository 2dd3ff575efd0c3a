import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { estimate } from '../../../lib/switcher/estimate.ts'
import type { Crowd, Situation, UnderWay } from '../../../lib/switcher/estimate.ts'

// By their size: an arrival takes 30 000, a request 1 000.

const crowd = (more: Partial<Crowd> = {}): Crowd => ({ arrival: 30_000, request: 1_000, waiting: 0, maxConcurrency: 4, ages: [], drain: 60_000, ...more })
const asleep = crowd()

const wait = (more: Partial<Situation> = {}) => estimate({ target: asleep, position: 1, open: false, underWay: undefined, present: [], ahead: [], ...more })

const moving = (more: Partial<UnderWay>): UnderWay => ({ drained: undefined, leaving: [], waking: asleep, ...more })

describe('how long one has to wait', () => {
  test('for a model that nobody is in the way of: until it is up', () => {
    expect(wait()).toBe(30_000)
  })

  test('for one that is busy: until enough are through, in order', () => {
    expect([1, 2, 4, 9].map(position => wait({ open: true, position }))).toEqual([250, 500, 1_000, 2_250])
  })

  test('all who fit are let in as soon as it is up, the others after them', () => {
    expect([1, 4, 5, 8].map(position => wait({ position }))).toEqual([30_000, 30_000, 30_250, 31_000])
  })

  test('another one has to be drained and put to sleep first', () => {
    expect(wait({ present: [crowd()] })).toBe(30_000)
    expect(wait({ present: [crowd({ ages: [600, 100] })] })).toBe(900 + 30_000)
    expect(wait({ present: [crowd({ ages: [900] }), crowd({ ages: [200] })] }), 'two drain at once').toBe(800 + 30_000)
  })

  test('what takes longer than usual is expected to take as long again, but no longer than it is let', () => {
    expect(wait({ present: [crowd({ ages: [7_000] })] })).toBe(7_000 + 30_000)
    expect(wait({ present: [crowd({ ages: [70_000] })] })).toBe(60_000 + 30_000)
  })

  test('earlier requests for other models have their turn, with all that wait there', () => {
    const first = crowd({ arrival: 5_000, waiting: 5 })
    expect(wait({ ahead: [first] })).toBe(5_000 + 2_000 + 30_000)
    expect(wait({ ahead: [first, crowd({ arrival: 6_000, waiting: 1 })] })).toBe(5_000 + 2_000 + 6_000 + 1_000 + 30_000)
  })

  test.each<[string, Partial<UnderWay>, number]>([
    ['draining', { leaving: [crowd({ ages: [300] })] }, 700 + 30_000],
    ['drained', { drained: 0, leaving: [crowd()] }, 30_000],
    ['coming up', { drained: 10_000, leaving: [crowd()] }, 20_000],
    ['coming up late', { drained: 31_000 }, 31_000]
  ])('what has been done is done: %s', (_, underWay, expected) => {
    expect(wait({ underWay: moving(underWay) })).toBe(expected)
  })

  test('a switch to another one is seen through, and then it has its turn', () => {
    const other = crowd({ arrival: 2_000, waiting: 1 })
    expect(wait({ underWay: moving({ waking: other, drained: 500 }), present: [other] })).toBe(1_500 + 1_000 + 30_000)
  })

  test('a model that is put to sleep by hand comes up again', () => {
    expect(wait({ underWay: moving({ waking: undefined, leaving: [crowd({ ages: [400] })] }) })).toBe(600 + 30_000)
  })

  test('never less than nothing, and never less for being further behind', () => {
    const duration = fc.nat(1_000_000)
    const anyCrowd = fc.record({ arrival: duration, request: duration, waiting: fc.nat(500), maxConcurrency: fc.integer({ min: 1, max: 300 }), ages: fc.array(duration), drain: duration })
    const situation = fc.record({
      target: anyCrowd,
      position: fc.integer({ min: 1, max: 1_000 }),
      open: fc.boolean(),
      underWay: fc.option(fc.record({ drained: fc.option(duration, { nil: undefined }), leaving: fc.array(anyCrowd), waking: fc.option(anyCrowd, { nil: undefined }) }), { nil: undefined }),
      present: fc.array(anyCrowd),
      ahead: fc.array(anyCrowd)
    })
    fc.assert(fc.property(situation, situation => {
      const mine = estimate(situation)
      expect(mine).toBeGreaterThanOrEqual(0)
      expect(estimate({ ...situation, position: situation.position + 1 })).toBeGreaterThanOrEqual(mine)
      expect(estimate({ ...situation, ahead: [...situation.ahead, situation.target] })).toBeGreaterThanOrEqual(mine)
    }))
  })
})
