import { beforeEach, expect, test } from 'vitest'
import { History, kept } from '../../../lib/admin/history.ts'
import { LlmuxEvents } from '../../../lib/events.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

let events: LlmuxEvents
let clock: FakeClock
let counted: Array<{ name: string, inFlight: number, waiting: number }>
let looks: number
let history: History

beforeEach(() => {
  events = new LlmuxEvents()
  clock = new FakeClock()
  counted = [{ name: 'a', inFlight: 1, waiting: 2 }, { name: 'b', inFlight: 0, waiting: 0 }]
  looks = 0
  history = new History(events, clock, () => { looks++; return counted })
})

const engine = (time: number) => events.emit('engine', { time, model: 'a', from: 'stopped', to: 'starting', reason: 'r', duration: 1 })
const request = () => events.emit('request', { time: clock.now(), id: 1, model: 'a', from: 'arrived', to: 'granted', reason: 'r', duration: 0 })
const transition = (to: 'idle' | 'draining') => events.emit('transition', { time: 5, model: 'a', from: 'waking', to, reason: 'r', duration: 1, evict: [], phases: {} })

test('changes are kept in their order, and only so many', () => {
  for (let time = 0; time < kept.engines + 5; time++) engine(time)
  expect(history.engines).toHaveLength(kept.engines)
  expect(history.engines[0]!.time).toBe(5)
})

test('of switches the end is kept, which has all phases', () => {
  transition('draining')
  transition('idle')
  expect(history.transitions).toMatchObject([{ to: 'idle' }])
})

test('a thousand requests are counted once, and those without any are left out', () => {
  for (let count = 0; count < 1_000; count++) request()
  clock.advance(2_000)
  expect(looks).toBe(1)
  expect(history.counts).toMatchObject([{ time: clock.now(), models: { a: [1, 2, 0] } }])
  expect(history.counts[0]!.models).not.toHaveProperty('b')
})

test('long streams are counted on while they run, until all is quiet', () => {
  request()
  clock.advance(4_000)
  counted = []
  clock.advance(2_000)
  clock.advance(60_000)
  expect(history.counts.map(({ models }) => Object.keys(models))).toEqual([['a'], ['a'], []])
})

test('what is older than asked for is left out, and after its end nothing is counted', () => {
  engine(10)
  engine(20)
  expect(history.since(15)).toMatchObject({ time: clock.now(), engines: [{ time: 20 }], transitions: [], responses: [], counts: [] })
  request()
  history.close()
  clock.advance(10_000)
  expect(looks).toBe(0)
})
