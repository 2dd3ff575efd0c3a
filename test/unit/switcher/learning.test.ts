// What the switcher learns from what it sees itself.
import { describe, expect, test } from 'vitest'
import { Rig } from '../../helpers/switcher-rig.ts'

/** A rig in which `a` has been started and `b` sleeps. */
function setUp () {
  const rig = new Rig({ durations: { prepare: 100, sleep: 1_000, wake: 4_000 } })
  rig.engines.stopped.add('a')
  const first = rig.ask('a')
  rig.clock.advance(4_000)
  first.lease!.release()
  rig.engines.stopped.clear()
  return rig
}

const costs = ({ switcher }: Rig) => switcher.learned.costs

describe('a switch', () => {
  test('costs the time in which nobody is served: not that of the check or the drain', () => {
    const rig = setUp()
    const running = rig.ask('a')
    rig.ask('b')
    rig.clock.advance(30_000)
    running.lease!.release()
    rig.clock.advance(5_000)
    expect(costs(rig).wakes).toEqual({ a: { b: 5_000 } })
    expect(rig.view('a').drainTime).toBe(29_900)
  })

  test('that begins with a start is kept apart', () => {
    const rig = setUp()
    expect(costs(rig)).toEqual({ initial: 10_000, wakes: {}, starts: { a: 4_000 } })
    rig.engines.stopped.add('b')
    rig.ask('b')
    rig.clock.advance(5_100)
    expect(costs(rig)).toEqual({ initial: 10_000, wakes: {}, starts: { a: 4_000, b: 5_000 } })
  })

  test('that begins with the first sleep of an engine is learned without it, and that sleep apart', () => {
    const rig = setUp()
    rig.engines.fresh.add('a')
    rig.ask('b')
    rig.clock.advance(5_100)
    expect(costs(rig).wakes).toEqual({ a: { b: 4_000 } })
    expect(rig.switcher.learned.model('a').firstSleep.value).toBe(1_000)
    expect(rig.view('a').firstSleep, 'it is to come once more, if it is started anew').toBe(1_000)
    rig.engines.fresh.clear()
    expect(rig.view('a').firstSleep).toBe(0)
  })

  test('that fails teaches nothing', () => {
    const rig = setUp()
    rig.engines.failNext('wake', 'b', new Error('no'))
    rig.ask('b')
    rig.clock.advance(60_000)
    expect(rig.requests.at(-1)).toMatchObject({ model: 'b', to: 'refused' })
    expect(costs(rig).wakes).toEqual({})
  })
})

describe('time in the engine', () => {
  test('is that of requests that were served to their end', () => {
    const rig = setUp()
    const [short, long, cut] = [rig.ask('a'), rig.ask('a'), rig.ask('a')]
    const before = rig.view('a').serviceTime
    rig.clock.advance(500)
    cut.lease!.cut(new Error('no'))
    expect(rig.view('a').serviceTime).toBe(before)
    short.lease!.release()
    const half = rig.view('a').serviceTime
    rig.clock.advance(500)
    long.lease!.release()
    expect(rig.view('a').serviceTime).toBeGreaterThan(half)
  })

  test('of an engine that died is not counted', () => {
    const rig = setUp()
    const before = rig.view('a').serviceTime
    rig.ask('a')
    rig.clock.advance(500)
    rig.engines.die('a')
    expect(rig.view('a').serviceTime).toBe(before)
  })
})

test('tracks arrivals and the average number of waiting requests', () => {
  const rig = setUp()
  const waiting = [rig.ask('b'), rig.ask('b')]
  expect(rig.view('b').arrivalRate).toBeCloseTo(2 / 60_000)
  rig.clock.advance(2_000)
  expect(rig.view('b').averageWaiting).toBeCloseTo(2 * (1 - Math.exp(-2 / 300)))
  expect(rig.view('b').age).toBe(4_000)
  waiting.forEach(asked => asked.leave())
  expect(rig.view('b')).toMatchObject({ waiting: 0, age: 0, oldest: undefined })
})

test('a request that comes back has come once', () => {
  const rig = setUp()
  const rate = rig.view('a').arrivalRate
  rig.switcher.request('a', 0, { granted: () => {}, refused: () => {} }, { comeback: { since: rig.clock.now(), suspect: false } })
  expect(rig.view('a').arrivalRate).toBe(rate)
})

test('what was learned before is where it begins', () => {
  const rig = setUp()
  rig.ask('b')
  rig.clock.advance(10_000)
  expect(rig.switcher.learned.toJSON().costs.wakes).toEqual({ a: { b: 5_000 } })
})

test('what is kept does not grow with the number of requests', () => {
  const rig = setUp()
  const size = () => JSON.stringify(rig.switcher.learned).length
  const before = size()
  for (let i = 0; i < 1_000; i++) {
    rig.ask('a').lease!.release()
    rig.clock.advance(1)
  }
  expect(size()).toBeLessThan(before + 50)
})
