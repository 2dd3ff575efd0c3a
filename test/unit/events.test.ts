import { expect, test } from 'vitest'
import { eventNames, LlmuxEvents } from '../../lib/events.ts'
import type { NamedEvent, Warning } from '../../lib/events.ts'

test('a listener to every event hears each with its name, until it stops', () => {
  const events = new LlmuxEvents()
  const heard: NamedEvent[] = []
  const stop = events.onEvery(named => heard.push(named))
  for (const name of eventNames) events.emit(name, { time: 1 } as Warning)
  expect(heard).toEqual(eventNames.map(name => ({ name, event: { time: 1 } })))
  stop()
  for (const name of eventNames) {
    events.emit(name, { time: 2 } as Warning)
    expect(events.listenerCount(name), name).toBe(0)
  }
  expect(heard).toHaveLength(eventNames.length)
})
