import { beforeEach, expect, test } from 'vitest'
import { Journal } from '../../../lib/admin/journal.ts'
import { ClosingError } from '../../../lib/errors.ts'
import { LlmuxEvents } from '../../../lib/events.ts'
import { parseEvents } from '../../helpers/event-stream.ts'

let events: LlmuxEvents
let texts: string[]

beforeEach(() => {
  events = new LlmuxEvents()
  texts = []
})

function journal (size: number): Journal {
  const journal = new Journal(events, size)
  journal.read(text => texts.push(text))
  return journal
}

const emit = (...times: number[]) => times.forEach(time => events.emit('warning', { time, model: 'a', error: new ClosingError() }))
const idOf = (text: string) => /^id: (\S+)$/m.exec(text)![1]!
/** What somebody who comes back is told: `gap`, and the times of the events. */
const told = (text: string) => parseEvents(text).map(({ event, data }) => event === 'gap' ? 'gap' : JSON.parse(data).time)

test('readers are told each event as it happens, with a number, and an error in words', () => {
  journal(10)
  emit(1, 2)
  expect(parseEvents(texts.join(''))).toMatchObject([{ event: 'warning' }, { event: 'warning' }])
  expect(JSON.parse(parseEvents(texts[0]!)[0]!.data)).toEqual({ time: 1, model: 'a', error: { code: 'LLMUX_ERR_CLOSING', message: new ClosingError().message } })
  expect(idOf(texts[0]!)).not.toBe(idOf(texts[1]!))
})

test('sends nothing to a reader that has stopped', () => {
  const kept = new Journal(events, 10)
  const stop = kept.read(text => texts.push(text))
  stop()
  emit(1)
  expect(texts).toEqual([])
})

test('repeats missed events to a reader that reconnects, in the same words', () => {
  const kept = journal(10)
  emit(1, 2, 3)
  expect(kept.since(idOf(texts[0]!))).toBe(texts.slice(1).join(''))
  expect(kept.since(idOf(texts[2]!))).toBe('')
})

test('what is not kept any more is a gap, and what is kept follows', () => {
  const kept = journal(2)
  emit(1, 2, 3, 4)
  expect(told(kept.since(idOf(texts[0]!)))).toEqual(['gap', 3, 4])
  expect(told(kept.since(idOf(texts[1]!)))).toEqual([3, 4])
})

test('ids of another process, and what is no id, are a gap before all that is kept', () => {
  const kept = journal(10)
  emit(1, 2)
  const [run] = idOf(texts[0]!).split('-') as [string]
  for (const id of ['deadbeef-0', '', '7', `${run}-`, `${run}-x`]) expect(told(kept.since(id)), id).toEqual(['gap', 1, 2])
})

test('a journal of no length tells of a gap, and of nothing twice', () => {
  const kept = journal(0)
  emit(1, 2)
  expect(told(kept.since(idOf(texts[0]!)))).toEqual(['gap'])
  expect(told(kept.since(idOf(texts[1]!)))).toEqual([])
})

test('sends only the named events, missed ones included', () => {
  const kept = new Journal(events, 10)
  const other: string[] = []
  kept.read(text => texts.push(text), new Set(['control']))
  kept.read(text => other.push(text))
  emit(1)
  events.emit('control', { time: 2, reason: 'r', pinned: [], paused: undefined, draining: false, disabled: [] })
  expect(parseEvents(texts.join(''))).toMatchObject([{ event: 'control' }])
  expect(parseEvents(other.join(''))).toHaveLength(2)
  expect(told(kept.since(idOf(other[0]!), new Set(['warning'])))).toEqual([])
  expect(told(kept.since(idOf(other[0]!), new Set(['control'])))).toEqual([2])
})
