import type { Lease } from '../../../../lib/switcher/lease.ts'
import type { Stream } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import { ClosingError, DrainTimeoutError, EngineDiedError, ProcessDiedError, QueueTimeoutError, StalledError, UpstreamError } from '../../../../lib/errors.ts'
import { ClientLeftError } from '../../../../lib/gateway/relay/passage.ts'
import { rig } from './rig.ts'
import type { StreamedAnswer } from './rig.ts'

/** The rig's leases are real ones, of which a passage sees a part. */
const lost = (lease: unknown) => lease as Lease

/** Broken or whole. */
const over = (stream: Stream) => new Promise<void>(resolve => stream.on('error', () => {}).once('close', resolve))

/** What came of an event stream in one turn goes on in the next. */
const turn = () => new Promise<void>(resolve => process.nextTick(resolve))

const answer = (answers: unknown[]) => answers[0] as StreamedAnswer
const event = (n: number) => `data: {"n":${n}}\n\n`
const death = 'data: {"error":{"message":"EngineCore encountered an issue","code":500}}\n\n'

describe('an answer', () => {
  test('goes through as it comes, and gives the lease back with its last byte', async () => {
    const { sendings, answers, ends } = rig()
    sendings[0]!.start().head(201, { 'x-a': '1' }).data('one ')
    expect(answer(answers)).toMatchObject({ statusCode: 201, headers: { 'x-a': '1' } })
    expect(ends).toEqual([])
    sendings[0]!.data('two').end()
    expect(ends).toEqual(['released'])
    expect(await textOf(answer(answers).body)).toBe('one two')
  })

  test('may be empty', async () => {
    const { sendings, answers, ends } = rig()
    sendings[0]!.start().head(204).end()
    expect(await textOf(answer(answers).body)).toBe('')
    expect(ends).toEqual(['released'])
  })

  test('that comes all at once goes on as bytes, with its lease given back before', () => {
    const { sendings, answers, ends, silent, recorded } = rig()
    const sending = sendings[0]!.start().head(201, { 'content-type': 'application/json', 'content-length': '2' }).data('{}')
    expect(answers).toEqual([])
    sending.end()
    expect(answers).toEqual([{ statusCode: 201, headers: { 'content-type': 'application/json', 'content-length': '2' }, body: Buffer.from('{}') }])
    expect(ends).toEqual(['released'])
    expect(silent.size).toBe(0)
    expect(recorded).toMatchObject({ answered: 1, bytes: 2 })
  })

  test('that comes all at once for a client that has just left goes nowhere', () => {
    const { sendings, answers, client, ends } = rig()
    client.req.aborted = true
    sendings[0]!.start().head(200, { 'content-type': 'application/json', 'content-length': '2' }).data('{}').end()
    expect(answers).toEqual([new ClientLeftError()])
    expect(ends).toEqual(['released'])
  })

  test.each([
    ['it is longer than 1 MiB', { 'content-type': 'application/json', 'content-length': '1048577' }],
    ['nobody knows whether it is all', { 'content-type': 'application/json' }],
    ['it has no type', { 'content-length': '2' }]
  ])('is a stream where %s', async (_case, headers: Record<string, string>) => {
    const { sendings, answers } = rig()
    const sending = sendings[0]!.start().head(200, headers).data('{}')
    expect(answers).toHaveLength(1)
    sending.end()
    expect(await textOf(answer(answers).body)).toBe('{}')
  })

  test('of up to 1 MiB goes on when all of it is there', () => {
    const { sendings, answers, ends, recorded } = rig()
    const sending = sendings[0]!.start().head(200, { 'content-type': 'application/json', 'content-length': '4' }).data('{"').data('"}')
    expect(answers).toEqual([])
    sending.end()
    expect(answers).toMatchObject([{ body: Buffer.from('{""}') }])
    expect(ends).toEqual(['released'])
    expect(recorded).toMatchObject({ answered: 1, bytes: 4 })
  })

  test('events that come together go on together', async () => {
    const { sendings, pipe, client } = rig()
    const sending = sendings[0]!.start().events().data(event(1))
    await turn()
    const chunks: string[] = []
    client.on('data', chunk => chunks.push(String(chunk)))
    pipe()
    sending.data(event(2)).data('data: {"n"').data(':3}\n\n').data('data: {"n":4')
    await turn()
    sending.data('}\n\n').end()
    await over(client)
    expect(chunks).toEqual([event(1), event(2) + event(3), event(4)])
  })

  test('does not begin before its first byte, since until then the request can be sent again', async () => {
    const { sendings, answers, silent } = rig()
    sendings[0]!.start().events()
    expect(answers).toEqual([])
    expect(silent.size).toBe(1)
    sendings[0]!.data(event(1))
    await turn()
    expect(answers).toHaveLength(1)
    expect(silent.size).toBe(0)
  })

  test('is not begun by 100 Continue', async () => {
    const { sendings, answers } = rig()
    sendings[0]!.start().head(100).head(200).data('x').end()
    expect(await textOf(answer(answers).body)).toBe('x')
  })

  test('holds the engine up only when a slow reader has 1 MiB before it', () => {
    const { sendings } = rig()
    const half = Buffer.alloc(512 * 1024, 'x')
    const sending = sendings[0]!.start().head().data(half)
    expect(sending.paused).toBe(false)
    sending.data(half)
    expect(sending.paused).toBe(true)
  })

  test('comes whole and in its order to a client that reads slowly, and the engine waits for it', async () => {
    const { sendings: [sending], answers, client } = rig()
    const events = Array.from({ length: 100 }, (_, n) => event(n).padEnd(20_000, ' ') + '\n\n')
    sending!.start().events().data(events[0]!)
    await turn()
    answer(answers).body.pipe(client)
    for (const one of events.slice(1)) {
      sending!.data(one)
      await turn()
    }
    expect(sending!.paused).toBe(true)
    expect(client.writableLength, 'what it has not read is kept where the engine is held up for it').toBeLessThan(200_000)
    let text = ''
    client.on('data', chunk => { text += String(chunk) })
    while (sending!.paused) await new Promise(resolve => client.once('data', () => setImmediate(resolve)))
    sending!.end()
    await finished(client)
    expect(text).toBe(events.join(''))
  })

  test('is seen whole by a host that listens to it as well', async () => {
    const { sendings: [sending], answers, pipe } = rig()
    sending!.start().events().data(event(1))
    await turn()
    let seen = ''
    answer(answers).body.on('data', chunk => { seen += String(chunk) })
    const { body, text } = pipe()
    for (const n of [2, 3, 4]) {
      sending!.data(event(n))
      await turn()
    }
    sending!.end()
    await finished(body)
    expect(seen).toBe([1, 2, 3, 4].map(event).join(''))
    expect(text()).toBe(seen)
  })

  test('a 500 of an engine that lives is its answer', async () => {
    const { sendings, answers, examined, find } = rig()
    sendings[0]!.start().head(500).data('{"error":').data('{}}').end()
    expect(answers).toEqual([])
    await find(true)
    expect(examined).toEqual(['it answered 500'])
    expect(answer(answers).statusCode).toBe(500)
    expect(await textOf(answer(answers).body)).toBe('{"error":{}}')
  })

  test('an error event of an engine that lives is part of its answer, and so is what follows', async () => {
    const { sendings, answers, find, ends } = rig()
    sendings[0]!.start().events().data(event(1) + death + 'data: 2').data('2\n\ndata: [DONE]\n\n').end()
    await find(true)
    expect(await textOf(answer(answers).body)).toBe(`${event(1)}${death}data: 22\n\ndata: [DONE]\n\n`)
    expect(ends).toEqual(['released'])
  })
})

describe('an engine that dies before the first byte', () => {
  test.each([
    ['breaks the connection', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.start().fail()],
    ['breaks it after the headers', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.start().events().fail()],
    ['breaks it in the midst of a short answer', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.start().head(200, { 'content-type': 'application/json', 'content-length': '4' }).data('{"').fail()],
    ['answers 500', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.start().head(500).data('{}').end()],
    ['answers 503', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.start().head(503).data('{}').end()],
    ['ends the stream as if it were whole', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.start().events().data(`${death}data: [DONE]\n\n`).end()]
  ])('%s: the request is sent again, apart from other suspects', async (_how, die) => {
    const { sendings, renewals, answers, find, ends } = rig()
    die(sendings[0]!)
    await find(false)
    expect(answers).toEqual([])
    expect(renewals).toMatchObject([{ suspect: true }])
    expect(ends).toEqual(['released'])
    renewals[0]!.grant()
    sendings[1]!.start().head().data('whole').end()
    expect(await textOf(answer(answers).body)).toBe('whole')
    expect(sendings[1]!.options.body).toBe('b')
    expect(ends).toEqual(['released', 'released'])
  })

  test('twice: the request is sent once more, alone, and not a fourth time', async () => {
    const { sendings, renewals, answers, find } = rig()
    sendings[0]!.start().fail()
    await find(false)
    renewals[0]!.grant()
    sendings[1]!.start().fail()
    await find(false)
    expect(renewals).toMatchObject([{ suspect: true, alone: false }, { suspect: true, alone: true }])
    expect(answers).toEqual([])
    renewals[1]!.grant()
    sendings[2]!.start().fail()
    await find(false)
    expect(renewals).toHaveLength(2)
    expect(answers[0]).toBeInstanceOf(EngineDiedError)
  })

  test('twice, by chance: alone it is answered', async () => {
    const { sendings, renewals, answers, find } = rig()
    for (const index of [0, 1]) {
      sendings[index]!.start().fail()
      await find(false)
      renewals[index]!.grant()
    }
    sendings[2]!.start().head().data('whole').end()
    expect(await textOf(answer(answers).body)).toBe('whole')
  })

  test('a connection that breaks twice although the engine lives is no reason for a third time', async () => {
    const { sendings, renewals, answers, find } = rig()
    sendings[0]!.start().fail()
    await find(true)
    renewals[0]!.grant()
    sendings[1]!.start().fail()
    await find(true)
    expect(renewals).toHaveLength(1)
    expect(answers[0]).toBeInstanceOf(EngineDiedError)
  })

  test('is not asked again whether it lives once its lease is lost', async () => {
    const { sendings, renewals, examined, lease } = rig()
    sendings[0]!.start()
    lost(lease).lose(new ProcessDiedError('m', 'signal SIGKILL'))
    sendings[0]!.fail()
    await new Promise(resolve => setImmediate(resolve))
    expect(examined).toEqual([])
    expect(renewals).toMatchObject([{ suspect: true }])
  })

  test('the client is told once what its engine died of, without what that said last', async () => {
    const { sendings, answers, lease } = rig({ replay: false })
    sendings[0]!.start()
    lost(lease).lose(Object.assign(new ProcessDiedError('m', 'signal SIGKILL'), { lastLines: ['one'] }))
    sendings[0]!.fail()
    await new Promise(resolve => setImmediate(resolve))
    expect(answers[0]).toMatchObject({ code: 'LLMUX_ERR_ENGINE_DIED', message: 'the request was lost: the process of model `m` died: signal SIGKILL' })
  })

  test('refused connections are harmless: the request is not suspected, and has more tries, but not forever', async () => {
    const { sendings, renewals, answers, find } = rig()
    for (let i = 0; i < 4; i++) {
      sendings[i]!.fail('connect ECONNREFUSED')
      await find(false)
      expect(renewals[i]).toMatchObject({ suspect: false })
      renewals[i]!.grant()
    }
    sendings[4]!.fail('connect ECONNREFUSED')
    await find(false)
    expect(answers[0]).toBeInstanceOf(EngineDiedError)
  })

  test('a connection that broke although the engine lives: sent again, without suspicion', async () => {
    const { sendings, renewals, find } = rig()
    sendings[0]!.start().fail()
    await find(true)
    expect(renewals).toMatchObject([{ suspect: false }])
  })

  test('without replay the client is told', async () => {
    const { sendings, renewals, answers, find } = rig({ replay: false })
    sendings[0]!.start().fail()
    await find(false)
    expect(renewals).toEqual([])
    expect(answers[0]).toMatchObject({ code: 'LLMUX_ERR_ENGINE_DIED', message: 'the request was lost: the connection to the engine of model `m` broke: other side closed' })
  })

  test('no new lease is to be had: the client is told why', async () => {
    const { sendings, renewals, answers, find } = rig()
    sendings[0]!.start().fail()
    await find(false)
    renewals[0]!.refused(new QueueTimeoutError('m', 5))
    expect(answers).toEqual([new QueueTimeoutError('m', 5)])
  })

  test('the client leaves while its request waits to be sent again: it leaves the queue', async () => {
    const { sendings, renewals, answers, find, passage } = rig()
    sendings[0]!.start().fail()
    await find(false)
    passage.abort(new ClientLeftError())
    expect(renewals[0]!.left).toBe(true)
    expect(answers[0]).toBeInstanceOf(ClientLeftError)
    expect(sendings).toHaveLength(1)
  })

  test('the client leaves while the engine is examined: nothing is sent again', async () => {
    const { sendings, renewals, answers, find, passage } = rig()
    sendings[0]!.start().fail()
    passage.abort(new ClientLeftError())
    await find(false)
    expect(renewals).toEqual([])
    expect(answers[0]).toBeInstanceOf(ClientLeftError)
  })
})

describe('an engine that dies after the first byte', () => {
  test.each([
    ['breaks the connection in mid-event', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.data('data: {"n"').fail()],
    ['ends the stream as if it were whole', (sending: ReturnType<typeof rig>['sendings'][0]) => sending.data(`${death}data: [DONE]\n\n`).end()]
  ])('%s: the stream says why after its last whole event, and breaks', async (_how, die) => {
    const { sendings, answers, pipe, client, find, renewals, ends } = rig()
    sendings[0]!.start().events().data(event(1))
    await turn()
    const { text } = pipe()
    const closed = over(client)
    die(sendings[0]!)
    await find(false)
    await closed
    const [first, last, ...none] = text().split('\n\n')
    expect(first).toBe('data: {"n":1}')
    expect(JSON.parse(last!.slice(6))).toMatchObject({ error: { code: 'engine_died', type: 'server_error' } })
    expect(none).toEqual([''])
    expect(client.writableFinished).toBe(false)
    expect(renewals).toEqual([])
    expect(answers).toHaveLength(1)
    expect(ends).toEqual(['released'])
  })

  test('in another body than an event stream: the connection just breaks', async () => {
    const { sendings, pipe, answers } = rig()
    sendings[0]!.start().head().data('{"choices"')
    const { text } = pipe()
    const failed = over(answer(answers).body)
    sendings[0]!.fail()
    await failed
    expect(text()).toBe('{"choices"')
    expect(answer(answers).body.errored).toBeInstanceOf(EngineDiedError)
  })

  test('behind a hook that rewrites the stream, where there is no place for an event of ours, it breaks all the same', async () => {
    const { sendings, answers } = rig()
    sendings[0]!.start().events().data(event(1))
    await turn()
    const { body } = answer(answers)
    const closed = over(body)
    sendings[0]!.fail()
    await closed
    expect(body.errored).toBeInstanceOf(EngineDiedError)
  })
})

describe('a lease that is taken away', () => {
  test('before the first byte: the client is told why, and the engine is let go at once', () => {
    const { sendings, answers, lease } = rig()
    sendings[0]!.start()
    lost(lease).cut(new DrainTimeoutError('m', 5))
    expect(sendings[0]!.aborted).toBeInstanceOf(DrainTimeoutError)
    sendings[0]!.fail()
    expect(answers).toEqual([new DrainTimeoutError('m', 5)])
  })

  test('in a stream: the stream says why and breaks', async () => {
    const { sendings, pipe, lease, client } = rig({ path: '/v1/messages' })
    sendings[0]!.start().events().data('event: ping\ndata: {}\n\n')
    await turn()
    const { text } = pipe()
    const closed = over(client)
    lost(lease).cut(new DrainTimeoutError('m', 5))
    sendings[0]!.fail()
    await closed
    expect(text()).toContain('event: error\ndata: {"type":"error"')
    expect(text()).toContain('"code":"drain_timeout"')
  })

  test('before the request is on its way: it never gets there', () => {
    const { sendings, lease } = rig()
    lost(lease).cut(new ClosingError())
    sendings[0]!.start()
    expect(sendings[0]!.aborted).toBeInstanceOf(ClosingError)
  })
})

describe('a client', () => {
  test('that leaves ends the engine’s work at once', () => {
    const { sendings, passage, ends, answers } = rig()
    sendings[0]!.start()
    passage.abort(new ClientLeftError())
    expect(sendings[0]!.aborted).toBeInstanceOf(ClientLeftError)
    expect(ends).toEqual(['released'])
    sendings[0]!.fail()
    expect(answers[0]).toBeInstanceOf(ClientLeftError)
  })

  test('that leaves in mid-stream, too', async () => {
    const { sendings, answers, ends } = rig()
    sendings[0]!.start().events().data(event(1))
    await turn()
    answer(answers).body.destroy()
    expect(sendings[0]!.aborted).toBeInstanceOf(ClientLeftError)
    expect(ends).toEqual(['released'])
  })

  test('that reads nothing while others wait is cut; while nobody waits it is not', () => {
    const { sendings, clock, setWaiting, ends } = rig()
    const sending = sendings[0]!.start().head().data(Buffer.alloc(1024 * 1024))
    clock.advance(2_500)
    expect(sending.aborted).toBeUndefined()
    setWaiting(true)
    clock.advance(1_000)
    expect(sending.aborted).toBeInstanceOf(StalledError)
    expect(ends).toEqual(['released'])
  })

  test('that reads on in time is not cut', () => {
    const { sendings, clock, setWaiting, answers } = rig()
    setWaiting(true)
    const sending = sendings[0]!.start().head().data(Buffer.alloc(1024 * 1024))
    clock.advance(999)
    answer(answers).body.read()
    clock.advance(10_000)
    expect(sending.aborted).toBeUndefined()
    expect(clock.pending).toBe(0)
  })
})

describe('the fallback upstream', () => {
  test('is taken at its word: no examination, no second time', () => {
    const { sendings, answers, examined } = rig({ fallback: true })
    sendings[0]!.start().fail('connect ECONNREFUSED')
    expect(answers).toEqual([new UpstreamError('connect ECONNREFUSED')])
    expect(examined).toEqual([])
  })

  test('may answer 500 and send error events', async () => {
    const { sendings, answers } = rig({ fallback: true })
    sendings[0]!.start().head(500, { 'content-type': 'text/event-stream' }).data(death).end()
    await new Promise(resolve => setImmediate(resolve))
    expect(await textOf(answer(answers).body)).toBe(death)
  })
})

describe('the record of the request', () => {
  test('has the sending, the first byte and all bytes of an answer', () => {
    const { sendings, recorded } = rig()
    expect(recorded).toEqual({ sendings: 1, answered: 0, bytes: 0, errors: [] })
    sendings[0]!.start().events()
    expect(recorded.answered, 'headers are no byte').toBe(0)
    sendings[0]!.data(event(1)).data(event(2)).end()
    expect(recorded).toEqual({ sendings: 1, answered: 1, bytes: 2 * event(1).length, errors: [] })
  })

  test('has each sending of a request whose engine died', async () => {
    const { sendings, renewals, recorded, find } = rig()
    sendings[0]!.start().fail()
    await find(false)
    renewals[0]!.grant()
    sendings[1]!.start().head().data('ok').end()
    expect(recorded).toMatchObject({ sendings: 2, answered: 1, errors: [] })
  })

  test('has why a stream was broken', async () => {
    const { sendings, recorded, pipe, client, lease } = rig()
    sendings[0]!.start().events().data(event(1))
    await turn()
    pipe()
    const broken = over(client)
    lost(lease).lose(Object.assign(new ProcessDiedError('m', 'exit code 1'), { lastLines: ['secrets'] }))
    sendings[0]!.fail()
    await broken
    expect(recorded.errors).toEqual([expect.any(EngineDiedError)])
    expect(recorded.errors[0]!.message, 'without what is for the log').toBe('the request was lost: the process of model `m` died: exit code 1')
  })

  test('has no error if it was the client that left', async () => {
    const { sendings, passage, recorded, answers } = rig()
    sendings[0]!.start().events().data(event(1))
    await turn()
    const broken = over(answer(answers).body)
    passage.abort(new ClientLeftError())
    sendings[0]!.fail()
    await broken
    expect(recorded.errors).toEqual([])
  })
})
