import { expect, test } from 'vitest'
import type { TransitionChange } from '../../../../lib/events.ts'
import { ProcessDiedError } from '../../../../lib/errors.ts'
import { switchLine } from '../../../../lib/host/log/switch-line.ts'

const change = (more: Partial<TransitionChange>): TransitionChange => ({
  time: 0, model: 'b', wake: 'b', from: 'waking', to: 'idle', reason: 'a request waits for it', duration: 0, evict: ['a'], phases: {}, outcome: 'done', ...more
})

test.for<[string, Partial<TransitionChange>]>([
  ['switch from a to b took 3.4 s (drain 1.2 s, sleep 0.28 s, wake 1.9 s): a request waits for it',
    { phases: { checking: 3, draining: 1_200, evicting: 280, waking: 1_910 }, steps: { wake: 1_905 } }],
  ['switch from a to b took 10.2 s (wait for memory 2.0 s, wake 1.0 s, reload weights 6.0 s, warm-up 1.2 s): a request waits for it',
    { phases: { draining: 0, evicting: 0, waking: 10_200 }, steps: { memory: 2_000, wake: 1_000, reload: 6_000, warmUp: 1_200 } }],
  ['start of b took 61.0 s (start 61.0 s): a request waits for it', { evict: [], phases: { draining: 0, waking: 61_000 }, steps: { start: 60_990 } }],
  ['wake of b took 0.50 s (wake 0.50 s): a request waits for it', { evict: [], phases: { waking: 500 }, steps: { wake: 500 } }],
  ['putting a to sleep took 0.30 s (sleep 0.30 s): it was asked for', { model: 'a', wake: undefined as never, reason: 'it was asked for', phases: { evicting: 300 } }],
  ['stop of a took 0.30 s (stop 0.30 s): no request for it for 60000 ms', { model: 'a', wake: undefined as never, level: 3, reason: 'no request for it for 60000 ms', phases: { evicting: 300 } }],
  ['switch from a to b took 0.84 s (freeze 0.30 s, wake 0.54 s, 2 paused): a request waits for it', { phases: { evicting: 300, waking: 540 }, steps: { wake: 540 }, frozen: 2 }],
  ['switch from a and c to b took 0 s: a request waits for it'.replace('0 s', '0.00 s'), { evict: ['a', 'c'], phases: {} }],
  ['switch from a to b given up after 5.0 s (drain 5.0 s): no request waits for it any more', { outcome: 'undone', reason: 'no request waits for it any more', phases: { draining: 5_000 } }],
  ['switch from a to b FAILED after 160 s (start 150 s, other 10.0 s): the process of model `b` died: exit code 1: too little GPU memory (ValueError: no memory)',
    { outcome: 'failed', error: Object.assign(new ProcessDiedError('b', 'exit code 1: too little GPU memory'), { causeLine: 'ValueError: no memory', lastLines: ['more'] }), phases: { waking: 160_000 }, steps: { start: 150_000 } }]
])('%s', ([line, more]) => {
  expect(switchLine(change(more))).toBe(line)
})
