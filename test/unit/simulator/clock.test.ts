import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SimulatedClock } from '../../../lib/simulator/clock.ts'
import { property } from '../../helpers/property.ts'

test('timers run in the order of their times, those of one time in the order they were set, and none that was cleared', () => {
  fc.assert(fc.property(fc.array(fc.record({ delay: fc.nat({ max: 20 }), cleared: fc.boolean() })), timers => {
    const clock = new SimulatedClock(0)
    const ran: { at: number, index: number }[] = []
    const set = timers.map(({ delay }, index) => clock.setTimeout(() => ran.push({ at: clock.now(), index }), delay))
    timers.forEach(({ cleared }, index) => { if (cleared) clock.clearTimeout(set[index]!) })
    const expected = timers.flatMap(({ delay, cleared }, index) => cleared ? [] : [{ at: delay, index }]).sort((a, b) => a.at - b.at)
    expect(clock.pending).toBe(expected.length)
    clock.advance(20)
    expect(ran).toEqual(expected)
    expect(clock).toMatchObject({ pending: 0 })
    expect(clock.now()).toBe(20)
  }), property(200))
})

test('time stops where it is told to, and timers set by timers are run on the way', () => {
  const clock = new SimulatedClock(0)
  const ran: number[] = []
  const again = () => {
    ran.push(clock.now())
    clock.setTimeout(again, 10)
  }
  clock.setTimeout(again, 10)
  clock.advance(35)
  expect(ran).toEqual([10, 20, 30])
  expect(clock.now()).toBe(35)
})

test('it jumps to the next timer, if there is one', () => {
  const clock = new SimulatedClock(0)
  const ran: string[] = []
  clock.setTimeout(() => ran.push('later'), 500)
  clock.setTimeout(() => ran.push('first'), 7)
  clock.setTimeout(() => ran.push('second'), 7)
  expect(clock.advanceToNext()).toBe(true)
  expect(ran).toEqual(['first', 'second'])
  expect(clock.now()).toBe(7)
  expect(clock.advanceToNext()).toBe(true)
  expect(clock.advanceToNext()).toBe(false)
  expect(clock.now()).toBe(500)
})

test('a timer that has run, was cleared or never was can be cleared', () => {
  const clock = new SimulatedClock()
  const timer = clock.setTimeout(() => {}, 1)
  clock.advance(1)
  clock.clearTimeout(timer)
  clock.clearTimeout(undefined)
  expect(clock.pending).toBe(0)
})

test('it refuses what is no time, and an instant without end', () => {
  const clock = new SimulatedClock()
  expect(() => clock.setTimeout(() => {}, NaN)).toThrow(RangeError)
  expect(() => clock.setTimeout(() => {}, -1)).toThrow(RangeError)
  const again = () => { clock.setTimeout(again, 0) }
  again()
  expect(() => clock.advance(0)).toThrow('timers without end')
})

test('an infinite timer never fires, and can be cleared', () => {
  const clock = new SimulatedClock(0)
  const timer = clock.setTimeout(() => { throw new Error('it came') }, Infinity)
  expect(clock.pending).toBe(1)
  expect(clock.advanceToNext()).toBe(false)
  clock.advance(1e15)
  clock.clearTimeout(timer)
  expect(clock.pending).toBe(0)
})
