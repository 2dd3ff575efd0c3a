import { expect, test } from 'vitest'
import { conclusions } from '../../../example-app/demo/conclusions.js'
import type { GatewayEvent } from '../../../example-app/demo/feed.js'

// The demo says by itself whether it has shown what it is to show: here it is lied to.

type Story = Parameters<typeof conclusions>[0]

const engine = (model: string, to: string): GatewayEvent => ({ name: 'engine', model, from: '', to, duration: 0, reason: '', time: 0 })
const request = (model: string, to: string): GatewayEvent => ({ name: 'request', id: 0, model, from: '', to, reason: '', time: 0 })
const reading = (model: string, tokens: number, first: number, last: number) => ({ tokens, finishReason: 'length', models: [model], asked: 0, first, last })

const story: Story = {
  ann: reading('qwen-14b', 60, 1, 5),
  bob: reading('gemma-12b', 24, 8, 9),
  again: reading('qwen-14b', 5, 11, 12),
  events: [
    engine('qwen-14b', 'starting'), engine('qwen-14b', 'awake'),
    request('gemma-12b', 'queued'), request('qwen-14b', 'released'),
    engine('qwen-14b', 'sleeping'), engine('qwen-14b', 'asleep'),
    engine('gemma-12b', 'starting'), engine('gemma-12b', 'awake'),
    engine('gemma-12b', 'sleeping'), engine('gemma-12b', 'asleep'),
    engine('qwen-14b', 'waking'), engine('qwen-14b', 'awake')
  ]
}
const ending = { exit: { code: 0, signal: null }, ran: 5, left: [] as number[] }

/** Which of the conclusions do not hold. */
const wrong = (change: Partial<Story>, end: Partial<typeof ending> = {}) =>
  conclusions({ ...story, ...change }, { ...ending, ...end }).flatMap(({ ok }, index) => ok ? [] : [index])

/** The events, with one of them moved to another place. */
function moved (from: number, to: number): { events: GatewayEvent[] } {
  const events = [...story.events]
  events.splice(to, 0, ...events.splice(from, 1))
  return { events }
}

test('all is well if all went well', () => {
  expect(conclusions(story, ending)).toHaveLength(7)
  expect(wrong({})).toEqual([])
})

test('notices an incomplete stream, whatever the missing part', () => {
  expect(wrong({ ann: { ...story.ann, tokens: 59 } })).toEqual([0])
  expect(wrong({ ann: { ...story.ann, finishReason: 'abort' } })).toEqual([0])
  expect(wrong({ ann: { ...story.ann, models: ['qwen-14b', 'gemma-12b'] } })).toEqual([0])
  expect(wrong({ bob: { ...story.bob, models: ['qwen-14b'] } })).toEqual([3])
  expect(wrong({ again: { ...story.again, tokens: 0 } })).toEqual([5])
})

test('a switch that came too early is seen', () => {
  expect(wrong(moved(3, 4)), 'asleep before the last byte').toEqual([2])
  expect(wrong(moved(6, 3)), 'started before the last byte').toEqual([2, 4])
  expect(wrong({ bob: { ...story.bob, first: 4 } }), 'an answer before the other was through').toEqual([2])
})

test('a Bob who did not ask in the middle of it proves nothing', () => {
  expect(wrong(moved(2, 3))).toEqual([1])
})

test('two models on the GPU together are seen', () => {
  expect(wrong(moved(5, 6))).toEqual([4])
})

test('a second start is no wake', () => {
  const events = story.events.map(event => event.to === 'waking' ? { ...event, to: 'starting' } : event)
  expect(wrong({ events })).toEqual([5])
})

test('a bad end is seen, and so is a look that saw nothing', () => {
  expect(wrong({}, { exit: { code: 1, signal: null } })).toEqual([6])
  expect(wrong({}, { left: [7] })).toEqual([6])
  expect(wrong({}, { ran: 1 })).toEqual([6])
})
