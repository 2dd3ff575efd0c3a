import { expect, test } from 'vitest'
import { LlmuxEvents } from '../../../lib/events.ts'
import type { TransitionChange } from '../../../lib/events.ts'
import { SwitchHistory } from '../../../lib/host/switch-history.ts'

function setup () {
  const events = new LlmuxEvents()
  const history = new SwitchHistory(events)
  const end = (more: Partial<TransitionChange>) => {
    events.emit('transition', { time: 5, model: 'b', wake: 'b', from: 'waking', to: 'idle', reason: 'r', duration: 1, evict: ['a'], phases: { draining: 10, waking: 90 }, outcome: 'done', ...more })
  }
  return { events, history, end }
}

test('the last switches come first, with what they cost and why one failed', () => {
  const { history, end } = setup()
  end({ to: 'draining' })
  expect(history.switches, 'is not over').toEqual([])
  end({ steps: { wake: 80 }, request: 'req-1' })
  end({ time: 6, outcome: 'failed', error: new Error('no memory') })
  expect(history.switches).toEqual([
    expect.objectContaining({ time: 6, outcome: 'failed', error: 'no memory', duration: 100 }),
    { time: 5, wake: 'b', evict: ['a'], reason: 'r', request: 'req-1', outcome: 'done', phases: { draining: 10, waking: 90 }, steps: { wake: 80 }, duration: 100, firstByte: undefined, error: undefined }
  ])
})

test('the first byte belongs to the last switch that has made its model awake, and only the first one', () => {
  const { events, history, end } = setup()
  end({ time: 1 })
  end({ time: 2, outcome: 'failed', error: new Error('x') })
  events.emit('first', { time: 3, model: 'c', duration: 1 })
  events.emit('first', { time: 3, model: 'b', duration: 42 })
  events.emit('first', { time: 4, model: 'b', duration: 99 })
  expect(history.switches.map(({ time, firstByte }) => [time, firstByte])).toEqual([[2, undefined], [1, 42]])
})

test('twenty are kept', () => {
  const { history, end } = setup()
  for (let time = 0; time < 30; time++) end({ time })
  expect(history.switches.map(({ time }) => time)).toEqual(Array.from({ length: 20 }, (_, i) => 29 - i))
})
