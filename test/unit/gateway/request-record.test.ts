import type { FastifyReply, FastifyRequest } from 'fastify'
import { describe, expect, test } from 'vitest'
import { DrainTimeoutError, ProcessDiedError, QueueTimeoutError } from '../../../lib/errors.ts'
import { LlmuxEvents } from '../../../lib/events.ts'
import type { FirstByte, ResponseEnd } from '../../../lib/events.ts'
import { LiveRequests } from '../../../lib/gateway/live-requests.ts'
import { RequestRecord } from '../../../lib/gateway/request-record.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const head = { statusCode: 200, headers: {} }

function setup (model: string | null = 'm') {
  const clock = new FakeClock()
  const events = new LlmuxEvents()
  const ends: ResponseEnd[] = []
  const firsts: FirstByte[] = []
  events.on('response', end => ends.push(end))
  events.on('first', first => firsts.push(first))
  const silent = new Set<string>()
  const raw = { headersSent: false, statusCode: 200, writableFinished: false }
  const record = new RequestRecord({ clock, events, silent, live: new LiveRequests() }, { id: 'req-1' } as FastifyRequest, { raw, elapsedTime: 5 } as unknown as FastifyReply,
    { model: model ?? undefined, route: '/v1/completions', received: 10 })
  const answer = (statusCode: number, writableFinished = true) => Object.assign(raw, { statusCode, headersSent: true, writableFinished })
  return { clock, record, ends, firsts, silent, answer }
}

test('all times count from the arrival, which was before the body was read', () => {
  const { clock, record, ends, answer } = setup()
  record.waits()
  clock.advance(100)
  record.granted(clock.now())
  record.sending([], () => {})
  clock.advance(20)
  record.answered(head)
  record.passed(Buffer.alloc(7))
  record.passed(Buffer.alloc(8))
  clock.advance(30)
  answer(200)
  record.end()
  expect(ends).toEqual([{
    time: clock.now(), request: 'req-1', model: 'm', route: '/v1/completions', status: 200, outcome: 'ok', queued: 100, firstByte: 125, duration: 155, replays: 0, received: 10, sent: 15
  }])
})

test('times in the queue add up, that of one who leaves it included; what is sent again is counted', () => {
  const { clock, record, ends } = setup()
  for (const wait of [100, 50]) {
    record.waits()
    clock.advance(wait)
    record.granted(clock.now())
    record.sending([], () => {})
    clock.advance(1)
  }
  record.waits()
  clock.advance(7)
  record.end()
  expect(ends).toMatchObject([{ queued: 157, replays: 1, status: undefined, outcome: 'left', firstByte: undefined }])
})

describe('how it ended', () => {
  const error = new DrainTimeoutError('m', 5)
  test.for<[outcome: string, status: number | undefined, whole: boolean, error: typeof error | undefined]>([
    ['ok', 200, true, undefined],
    ['ok', 302, true, undefined],
    ['client_error', 400, true, undefined],
    ['client_error', 499, true, error],
    ['overloaded', 429, true, undefined],
    ['overloaded', 429, true, error],
    ['server_error', 500, true, undefined],
    ['server_error', 504, true, error],
    ['cut', 200, false, error],
    ['cut', 200, true, error],
    ['left', 200, false, undefined],
    ['left', undefined, false, undefined],
    ['left', undefined, false, error]
  ])('%s: status %s, whole %s, %s', ([outcome, status, whole, error]) => {
    const { record, ends, answer } = setup()
    if (status !== undefined) answer(status, whole)
    if (error !== undefined) record.failed(error)
    record.end()
    expect(ends).toMatchObject([{ outcome, status, ...(error && { code: 'LLMUX_ERR_DRAIN_TIMEOUT', reason: error.message }) }])
    if (error === undefined) expect(ends[0]).not.toHaveProperty('code')
  })

  test('what an engine said last is not part of why', () => {
    const { record, ends, answer } = setup()
    record.failed(Object.assign(new ProcessDiedError('m', 'exit code 1'), { lastLines: ['secret'] }))
    answer(503)
    record.end()
    expect(ends[0]!.reason).toBe('the process of model `m` died: exit code 1')
  })
})

describe('the first byte since the model became awake', () => {
  test('is told once, with the time since the request was let in', () => {
    const { clock, record, firsts, silent } = setup()
    silent.add('m').add('other')
    record.waits()
    clock.advance(1_000)
    record.granted(clock.now())
    clock.advance(40)
    record.answered(head)
    expect(firsts).toEqual([{ time: clock.now(), model: 'm', duration: 40, request: 'req-1' }])
    record.answered(head)
    expect(firsts).toHaveLength(1)
    expect([...silent]).toEqual(['other'])
  })

  test('is no event of a model that is not ours, or of one that was refused', () => {
    const { record, firsts, silent } = setup(null)
    silent.add('m')
    record.answered(head)
    record.failed(new QueueTimeoutError('m', 1))
    record.end()
    expect(firsts).toEqual([])
    expect([...silent]).toEqual(['m'])
  })
})
