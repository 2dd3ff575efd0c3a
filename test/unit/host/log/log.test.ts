import { beforeEach, describe, expect, test } from 'vitest'
import type { FastifyBaseLogger } from 'fastify'
import { PolicyError, ProcessDiedError } from '../../../../lib/errors.ts'
import { LlmuxEvents } from '../../../../lib/events.ts'
import type { EngineChange, RequestChange, ResponseEnd, TransitionChange } from '../../../../lib/events.ts'
import { logEvents } from '../../../../lib/host/log/log.ts'

type Line = [level: string, fields: Record<string, unknown>, text: string]

let lines: Line[]
let events: LlmuxEvents

function listen (level: string): void {
  lines = []
  events = new LlmuxEvents()
  const write = (level: string) => (fields: Record<string, unknown>, text: string) => { lines.push([level, fields, text]) }
  const log = Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error'].map(level => [level, write(level)]))
  logEvents(events, { level, ...log } as unknown as FastifyBaseLogger)
}

beforeEach(() => listen('info'))

const died = Object.assign(new ProcessDiedError('b', 'exit code 1'), { lastLines: ['one', 'two'] })
const engine = (more: Partial<EngineChange>): EngineChange => ({ time: 0, model: 'b', from: 'starting', to: 'awake', reason: 'started', duration: 12_345, ...more })
const transition = (more: Partial<TransitionChange>): TransitionChange => ({
  time: 0, model: 'b', wake: 'b', from: 'waking', to: 'idle', reason: 'a request waits for it', duration: 1, evict: ['a'], phases: { waking: 1_000.4 }, outcome: 'done', request: 'req-7', ...more
})
const response = (more: Partial<ResponseEnd>): ResponseEnd => ({
  time: 0, request: 'req-7', model: 'b', route: '/v1/completions', status: 200, outcome: 'ok', queued: 0, firstByte: 1.4, duration: 1_234, replays: 0, received: 10, sent: 20, ...more
})

test('a switch is one line at info, at its end, with the id of the request that caused it', () => {
  for (const to of ['checking', 'draining', 'evicting', 'waking'] as const) events.emit('transition', transition({ to }))
  expect(lines).toEqual([])
  events.emit('transition', transition({}))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject(['info', { model: 'b', evict: ['a'], reqId: 'req-7', outcome: 'done', phases: { waking: 1_000 } }, expect.stringMatching(/^switch from a to b took 1\.0 s/)])
})

test('a failed switch is an error, without the last lines: those are in the line of the engine', () => {
  events.emit('engine', engine({ from: 'stopping', to: 'failed', error: died, request: 'req-7' }))
  events.emit('transition', transition({ outcome: 'failed', error: died }))
  expect(lines).toMatchObject([
    ['error', { code: 'LLMUX_ERR_PROCESS_DIED', lastLines: ['one', 'two'], reqId: 'req-7' }, 'engine b failed: the process of model `b` died: exit code 1'],
    ['error', { code: 'LLMUX_ERR_PROCESS_DIED', reqId: 'req-7' }, expect.stringContaining('FAILED')]
  ])
  expect(lines[1]![1]).not.toHaveProperty('lastLines')
})

test('a start whose cause is known says it, with the engine\'s own words', () => {
  const error = Object.assign(new ProcessDiedError('b', 'exit code 1: its port is taken'), { startCause: 'port_taken', causeLine: 'OSError: [Errno 98] Address already in use', lastLines: ['one'] })
  events.emit('engine', engine({ from: 'stopping', to: 'failed', error }))
  expect(lines).toMatchObject([[
    'error', { code: 'LLMUX_ERR_PROCESS_DIED', startCause: 'port_taken', lastLines: ['one'] },
    'engine b failed: the process of model `b` died: exit code 1: its port is taken (OSError: [Errno 98] Address already in use)'
  ]])
})

test('an engine that dies by itself says what it was doing, and how long', () => {
  events.emit('engine', engine({ from: 'awake', to: 'failed', error: died }))
  expect(lines[0]![2]).toBe('engine b failed, awake for 12.3 s: the process of model `b` died: exit code 1')
})

test('steps in between are logged at debug, even with an error', () => {
  events.emit('engine', engine({}))
  events.emit('engine', engine({ to: 'stopping', error: died }))
  expect(lines.map(([level, , text]) => [level, text])).toEqual([['debug', 'engine b awake'], ['debug', 'engine b stopping']])
})

describe('requests', () => {
  test.for<[string, Partial<ResponseEnd>, string]>([
    ['cut', { outcome: 'cut', code: 'LLMUX_ERR_ENGINE_DIED', reason: 'it died' }, 'request for b cut after 1.2 s: it died'],
    ['server_error', { outcome: 'server_error', status: 503, reason: 'no start' }, 'request for b answered 503 after 1.2 s: no start'],
    ['server_error of the engine', { outcome: 'server_error', status: 500 }, 'request for b answered 500 after 1.2 s']
  ])('%s is a warning', ([, more, text]) => {
    events.emit('response', response(more))
    expect(lines).toMatchObject([['warn', { reqId: 'req-7', route: '/v1/completions' }, text]])
    expect(lines[0]![1]['time'], 'is the log\'s own').toBeUndefined()
  })

  test('all others are told at debug only, and not put together otherwise', () => {
    const all = () => {
      events.emit('response', response({}))
      events.emit('response', response({ outcome: 'left', status: undefined }))
      events.emit('response', response({ outcome: 'client_error', status: 404, model: undefined }))
    }
    all()
    expect(lines).toEqual([])
    listen('debug')
    all()
    expect(lines.map(([level, , text]) => [level, text])).toEqual([
      ['debug', 'request for b answered 200 after 1.2 s'],
      ['debug', 'request for b left by its client after 1.2 s'],
      ['debug', 'request for no model of ours answered 404 after 1.2 s']
    ])
  })

  test('too many of them are told at once, and then at most once in ten seconds for each model, with their number', () => {
    const refused = (time: number, model = 'b') => events.emit('response', response({ time, model, status: 429, outcome: 'overloaded', code: 'LLMUX_ERR_QUEUE_FULL', reason: 'too many requests are waiting (10 for model `b`)', firstByte: undefined }))
    for (const time of [0, 1, 9_999]) refused(time)
    refused(5_000, 'c')
    expect(lines).toMatchObject([
      ['warn', { model: 'b', refused: 1, code: 'LLMUX_ERR_QUEUE_FULL', reqId: 'req-7' }, 'overloaded: a request for b answered 429: too many requests are waiting (10 for model `b`)'],
      ['warn', { model: 'c', refused: 1 }, expect.stringContaining('a request for c')]
    ])
    refused(10_000)
    expect(lines.slice(2)).toMatchObject([['warn', { refused: 3 }, 'overloaded: 3 requests for b answered 429 in the last 10.0 s: too many requests are waiting (10 for model `b`)']])
  })

  test('a later served request logs the number of the last refused ones', () => {
    events.emit('response', response({ time: 0, outcome: 'overloaded', status: 429 }))
    events.emit('response', response({ time: 1, outcome: 'overloaded', status: 429 }))
    events.emit('response', response({ time: 2 }))
    expect(lines).toHaveLength(1)
    events.emit('response', response({ time: 12_000 }))
    events.emit('response', response({ time: 30_000 }))
    expect(lines.slice(1)).toMatchObject([['warn', { model: 'b', refused: 1 }, 'overloaded: a request for b answered 429 in the last 12.0 s']])
  })

  test('their single steps are told at trace only', () => {
    const granted: RequestChange = { time: 0, id: 1, model: 'b', from: 'queued', to: 'granted', reason: 'x', duration: 2 }
    events.emit('request', granted)
    expect(lines).toEqual([])
    listen('trace')
    events.emit('request', granted)
    expect(lines).toMatchObject([['trace', { lease: 1 }, 'request granted']])
  })
})

test('progress is told with what is left, as far as it is known', () => {
  events.emit('progress', { time: 0, model: 'b', stage: 'loading', done: 1, total: 4, elapsed: 5, remaining: 20_000 })
  events.emit('progress', { time: 0, model: 'b', stage: 'compiling', elapsed: 5 })
  expect(lines.map(([level, , text]) => [level, text])).toEqual([
    ['debug', 'start of b: loading 1 of 4, about 20.0 s left'], ['debug', 'start of b: compiling']
  ])
})

test('a warning has the code of an error of ours, and all of any other', () => {
  const strange = new Error('strange')
  events.emit('warning', { time: 0, model: undefined, error: new PolicyError('oh') })
  events.emit('warning', { time: 0, model: 'b', error: strange })
  expect(lines).toMatchObject([
    ['warn', { model: undefined, code: 'LLMUX_ERR_POLICY' }, 'the policy failed, and fifo decided in its place: oh'],
    ['warn', { model: 'b', err: strange }, 'strange']
  ])
})
