import { PassThrough } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { describe, expect, test } from 'vitest'
import { EngineDiedError, QueueTimeoutError } from '../../../../lib/errors.ts'
import type { Head } from '../../../../lib/gateway/relay/answer.ts'
import { ClientLeftError } from '../../../../lib/gateway/relay/passage.ts'
import { EarlyAnswer } from '../../../../lib/gateway/waiting/early-answer.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'

const events: Head = { statusCode: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' } }
const died = new EngineDiedError('signal SIGKILL')
const turns = () => new Promise(resolve => setImmediate(resolve))

/** An answer that has begun, piped to a client that the test plays. `hooked`: a hook of the host's has not let it through yet. */
function begin ({ path = '/v1/chat/completions', hooked = false } = {}) {
  const clock = new FakeClock()
  const raw = new PassThrough()
  const client = { raw, text: '', status: 0, headers: {} as object, closed: false }
  raw.on('data', chunk => { client.text += String(chunk) }).on('error', () => {}).on('close', () => { client.closed = true })
  let body: PassThrough | undefined
  const reply = {
    raw,
    code (status: number) { client.status = status; return reply },
    headers (headers: object) { client.headers = headers; return reply },
    send (stream: PassThrough) {
      body = stream
      if (!hooked) stream.pipe(raw)
    }
  }
  let place = 3
  const failures: Error[] = []
  const early = new EarlyAnswer(reply as unknown as FastifyReply, {
    model: 'm', path, clock, interval: 5_000, stall: { clock, limit: 60_000, expired: () => true, over: () => {} }, comment: () => `place ${place--}`, failed: error => failures.push(error)
  })
  const engine = { resumed: 0, passed: 0, abandoned: [] as Error[] }
  const source = { passed: (chunk: Buffer) => { engine.passed += chunk.length }, resume: () => { engine.resumed++ }, abandoned: (reason: Error) => { engine.abandoned.push(reason) } }
  return { clock, client, early, engine, source, failures, body: () => body! }
}

describe('an answer that begins early', () => {
  test('is an event stream with a comment at once and one each interval', async () => {
    const { clock, client } = begin()
    await turns()
    expect(client).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' }, text: ': place 3\n\n' })
    clock.advance(4_999)
    await turns()
    expect(client.text).toBe(': place 3\n\n')
    clock.advance(1)
    await turns()
    clock.advance(5_000)
    await turns()
    expect(client.text).toBe(': place 3\n\n: place 2\n\n: place 1\n\n')
  })

  test('goes on with the engine’s events, byte for byte and without comments', async () => {
    const { clock, client, early, engine, source } = begin()
    await turns()
    const body = early.begin(events, source)
    clock.advance(20_000)
    expect(body.add(Buffer.from('data: 1\n\n'))).toBe(true)
    clock.advance(20_000)
    body.add(Buffer.from('data: [DONE]\n\n'))
    body.end()
    await turns()
    expect(client.text).toBe(': place 3\n\ndata: 1\n\ndata: [DONE]\n\n')
    expect(client.raw.writableFinished).toBe(true)
    expect(engine.passed, 'comments are no bytes of the engine’s').toBe('data: 1\n\ndata: [DONE]\n\n'.length)
  })

  test('sends no second comment to a client that has not read the first', async () => {
    const { clock, body } = begin({ hooked: true })
    clock.advance(50_000)
    expect(String(body().read())).toBe(': place 3\n\n')
    clock.advance(5_000)
    expect(String(body().read())).toBe(': place 2\n\n')
  })

  test('holds the engine back when its reader does not read, and is cut at the limit', async () => {
    const { clock, early, engine, source, body } = begin({ hooked: true })
    const answer = early.begin(events, source)
    expect(answer.add(Buffer.alloc(2 * 1024 ** 2))).toBe(false)
    body().read()
    expect(engine.resumed).toBeGreaterThan(0)
    expect(answer.add(Buffer.alloc(2 * 1024 ** 2))).toBe(false)
    clock.advance(60_000)
    expect(engine.abandoned).toMatchObject([{ code: 'LLMUX_ERR_STALLED' }])
  })

  test('ends with what went wrong and a broken connection', async () => {
    const { clock, client, early, failures } = begin()
    await turns()
    early.fail(new QueueTimeoutError('m', 500))
    expect(failures).toMatchObject([{ code: 'LLMUX_ERR_QUEUE_TIMEOUT' }])
    clock.advance(60_000)
    await turns()
    expect(client.text.split('\n\n')).toEqual([': place 3', expect.stringMatching(/^data: \{"error":\{.*"code":"queue_timeout"/), ''])
    expect(client).toMatchObject({ closed: true, raw: { errored: { code: 'LLMUX_ERR_QUEUE_TIMEOUT' } } })
  })

  test('the same after its first events', async () => {
    const { client, early, source } = begin()
    const body = early.begin(events, source)
    body.add(Buffer.from('data: 1\n\n'))
    body.break(died, 'data: why\n\n')
    await turns()
    expect(client.text).toBe(': place 3\n\ndata: 1\n\ndata: why\n\n')
    expect(client.closed).toBe(true)
  })

  test('what breaks before a hook has let it through is left to Fastify, which has sent nothing yet', async () => {
    const { early, body } = begin({ hooked: true })
    early.fail(died)
    await turns()
    expect(body()).toMatchObject({ destroyed: true, errored: died })
  })

  test.each<[string, Head, string, object]>([
    ['a mistake of the client’s', { statusCode: 400, headers: { 'content-type': 'application/json' } }, '{"error":{"message":"too long","type":"BadRequestError","code":400}}', { type: 'invalid_request_error', message: 'the engine of model `m` answered 400 and no event stream: too long' }],
    ['in the words of older versions', { statusCode: 404, headers: {} }, '{"object":"error","message":"no such adapter"}', { type: 'invalid_request_error', message: expect.stringContaining('no such adapter') }],
    ['a failure', { statusCode: 500, headers: { 'content-type': 'text/plain' } }, 'Internal Server Error', { type: 'server_error', message: expect.stringContaining('answered 500 and no event stream: Internal Server Error') }],
    ['an answer in one piece', { statusCode: 200, headers: { 'content-type': 'application/json' } }, '{"choices":[]}', { type: 'server_error', message: expect.stringContaining('{"choices":[]}') }],
    ['null', { statusCode: 200, headers: {} }, 'null', { type: 'server_error', message: expect.stringContaining('stream: null') }],
    ['a stream of events with the status of an error', { statusCode: 503, headers: events.headers }, 'data: {}\n\n', { type: 'server_error' }]
  ])('an event reports an answer that is not an event stream: %s', async (_, head, text, error) => {
    const { client, early, source } = begin()
    const body = early.begin(head, source)
    for (const half of [text.slice(0, 9), text.slice(9)]) expect(body.add(Buffer.from(half))).toBe(true)
    body.end()
    await turns()
    const [comment, event] = client.text.split('\n\n') as [string, string]
    expect(comment).toBe(': place 3')
    expect(JSON.parse(event.slice('data: '.length))).toMatchObject({ error: { ...error, code: 'engine_answer' } })
    expect(client.closed).toBe(true)
  })

  test('a refusal that breaks off is told as what broke it, and one without end does not fill the memory', async () => {
    const first = begin()
    first.early.begin({ statusCode: 500, headers: {} }, first.source).break(died)
    const second = begin({ path: '/v1/messages' })
    const body = second.early.begin({ statusCode: 500, headers: {} }, second.source)
    for (let i = 0; i < 100; i++) body.add(Buffer.alloc(64 * 1024, 'x'))
    body.end()
    await turns()
    expect(first.client.text).toContain('"code":"engine_died"')
    expect(second.client.text).toMatch(/^: place 3\n\nevent: error\n/)
    expect(second.client.text.length).toBeLessThan(100_000)
  })

  test('a client that leaves stops the comments and the engine', async () => {
    const { clock, early, engine, source, body } = begin()
    early.begin(events, source)
    body().destroy()
    await turns()
    expect(engine.abandoned).toEqual([expect.any(ClientLeftError)])
    expect(clock.pending).toBe(0)
  })

  test('and one that leaves before there is an engine', async () => {
    const { clock, early, body } = begin()
    expect(clock.pending).toBe(1)
    body().destroy()
    await turns()
    expect(clock.pending).toBe(0)
    early.fail(new ClientLeftError())
  })
})
