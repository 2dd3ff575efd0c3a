import { once } from 'node:events'
import { createServer, request, type ClientRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock, type Clock } from '../../../../lib/clock.ts'
import { readBody as read } from '../../../../lib/gateway/body/read-body.ts'
import type { ReadBodyOptions } from '../../../../lib/gateway/body/read-body.ts'

const readBody = (stream: Readable, options: ReadBodyOptions) => new Promise<Buffer>((resolve, reject) => {
  read(stream, options, (error, body) => error === null ? resolve(body!) : reject(error))
})

/** A timer is only for bodies that have not come with their headers. */
const turn = () => new Promise(resolve => setImmediate(resolve))

const plenty = { limit: 1_000, timeout: 60_000, clock: systemClock }

/** A clock that stands still until it is told that the time is over. */
function stoppedClock (): Clock & { timers: Map<object, () => void>, delays: number[] } {
  const timers = new Map<object, () => void>()
  const delays: number[] = []
  return {
    timers,
    delays,
    now: () => 0,
    setTimeout (callback, milliseconds) {
      const timer = {}
      timers.set(timer, callback)
      delays.push(milliseconds)
      return timer
    },
    clearTimeout: timer => { timers.delete(timer as object) }
  }
}

const listeners = (stream: Readable): number => ['data', 'end', 'close', 'readable'].reduce((sum, event) => sum + stream.listenerCount(event), 0)

describe('a body within its limits', () => {
  test('comes whole, in its order', async () => {
    const chunks = [Buffer.from('a'), Buffer.from([0, 255]), Buffer.from('ä')]
    expect(await readBody(Readable.from(chunks, { objectMode: false }), plenty)).toEqual(Buffer.concat(chunks))
  })

  test('holds nobody up if it is large: others have their turn before it is copied and before it is handed on', async () => {
    const chunks = [Buffer.alloc(700_000, 1), Buffer.alloc(700_000, 2)]
    const stream = Readable.from(chunks, { objectMode: false })
    let turns = 0
    stream.once('end', () => setImmediate(() => {
      turns++
      setImmediate(() => turns++)
    }))
    const body = await readBody(stream, { ...plenty, limit: 2_000_000 })
    expect(body.equals(Buffer.concat(chunks))).toBe(true)
    expect(turns).toBe(2)
  })

  test('may be empty', async () => {
    expect(await readBody(Readable.from([]), plenty)).toEqual(Buffer.alloc(0))
  })

  test('may be as large as the limit', async () => {
    expect(await readBody(Readable.from([Buffer.alloc(600), Buffer.alloc(400)]), { ...plenty, contentLength: '1000' })).toHaveLength(1_000)
  })

  test('that comes in one piece is not copied', async () => {
    const chunk = Buffer.from('{"model":"a"}')
    expect(await readBody(Readable.from([chunk]), plenty)).toBe(chunk)
  })

  test('may come from a stream of strings, as a hook of the host\'s may make it', async () => {
    expect((await readBody(Readable.from(['a', 'ä']), plenty)).toString()).toBe('aä')
  })

  test('is read from a stream that was paused', async () => {
    const stream = Readable.from([Buffer.from('a')]).pause()
    expect((await readBody(stream, plenty)).toString()).toBe('a')
  })

  test('leaves no timer, and what the stream says afterwards brings nothing down', async () => {
    const clock = stoppedClock()
    const stream = new PassThrough({ autoDestroy: false })
    const body = readBody(stream, { ...plenty, clock })
    await turn()
    expect(clock.timers.size).toBe(1)
    stream.end('a')
    await body
    expect(clock.timers.size).toBe(0)
    const closed = new Promise(resolve => stream.once('close', resolve))
    stream.destroy(new Error('unexpected end of file'))
    await closed
    expect(await body).toEqual(Buffer.from('a'))
  })
})

describe('a body that is refused', () => {
  test('for its announced size, before anything is read', async () => {
    const stream = new PassThrough()
    stream.write('a')
    await expect(readBody(stream, { ...plenty, contentLength: '1001' })).rejects.toMatchObject({ code: 'LLMUX_ERR_BODY_TOO_LARGE', statusCode: 413, message: 'the body is larger than 1000 bytes' })
    expect(stream.readableLength).toBe(1)
    expect(stream.destroyed).toBe(false)
  })

  test('for its size, as soon as too much has come', async () => {
    const clock = stoppedClock()
    const stream = new PassThrough()
    const before = listeners(stream)
    const body = readBody(stream, { ...plenty, clock })
    stream.write(Buffer.alloc(1_000))
    stream.write(Buffer.alloc(1))
    await expect(body).rejects.toMatchObject({ code: 'LLMUX_ERR_BODY_TOO_LARGE', statusCode: 413 })
    expect(stream.destroyed).toBe(false)
    expect(stream.isPaused()).toBe(true)
    expect(listeners(stream)).toBe(before)
    expect(clock.timers.size).toBe(0)
  })

  test('for its slowness', async () => {
    const clock = stoppedClock()
    const stream = new PassThrough()
    const before = listeners(stream)
    const body = readBody(stream, { ...plenty, timeout: 5_000, clock })
    stream.write('a')
    await turn()
    expect(clock.delays).toEqual([5_000])
    for (const callback of clock.timers.values()) callback()
    await expect(body).rejects.toMatchObject({ code: 'LLMUX_ERR_BODY_TIMEOUT', statusCode: 408, message: 'the body was not received within 5000 ms' })
    expect(stream.destroyed).toBe(false)
    expect(stream.isPaused()).toBe(true)
    expect(listeners(stream)).toBe(before)
  })

  test('because the stream failed, with its cause', async () => {
    const stream = new PassThrough()
    const body = readBody(stream, plenty)
    const cause = new Error('incorrect header check')
    stream.destroy(cause)
    await expect(body).rejects.toMatchObject({ code: 'LLMUX_ERR_BODY_ABORTED', cause })
  })

  test('because the stream was closed without a word', async () => {
    const clock = stoppedClock()
    const stream = new PassThrough()
    const body = readBody(stream, { ...plenty, clock })
    stream.write('a')
    stream.destroy()
    await expect(body).rejects.toMatchObject({ code: 'LLMUX_ERR_BODY_ABORTED' })
    expect(clock.timers.size).toBe(0)
  })

  test('because the stream was closed before', async () => {
    const stream = new PassThrough().destroy()
    await expect(readBody(stream, plenty)).rejects.toMatchObject({ code: 'LLMUX_ERR_BODY_ABORTED' })
  })

  test('once, and what the stream says afterwards brings nothing down', async () => {
    const stream = new PassThrough()
    const body = readBody(stream, plenty)
    stream.write(Buffer.alloc(1_001))
    await expect(body).rejects.toMatchObject({ code: 'LLMUX_ERR_BODY_TOO_LARGE' })
    const closed = new Promise(resolve => stream.once('close', resolve))
    stream.destroy(new Error('unexpected end of file'))
    await closed
  })
})

describe('over HTTP', () => {
  let server: Server
  let outcome: Promise<unknown>
  let timeout: number

  beforeEach(async () => {
    timeout = plenty.timeout
    server = createServer((request, response) => {
      const reading = readBody(request, { ...plenty, timeout, contentLength: request.headers['content-length'] })
      outcome = reading.then(body => ({ length: body.length }), error => error.code)
      reading.then(body => response.end(String(body.length)), error => {
        response.writeHead(error.statusCode, { connection: 'close' }).end(error.code)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })

  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  const post = (headers: Record<string, string>): ClientRequest =>
    request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', method: 'POST', headers })

  async function answer (client: ClientRequest): Promise<[status: number, text: string]> {
    const [response] = await once(client, 'response') as [IncomingMessage]
    const chunks = await response.toArray()
    return [response.statusCode as number, Buffer.concat(chunks).toString()]
  }

  test('a client that announced too much gets its answer, and the connection ends', async () => {
    const client = post({ 'content-length': '100000' })
    client.flushHeaders()
    expect(await answer(client)).toEqual([413, 'LLMUX_ERR_BODY_TOO_LARGE'])
    await once(client, 'close')
  })

  test('a client that sends too much gets its answer, and the connection ends', async () => {
    const client = post({ 'transfer-encoding': 'chunked' })
    client.write(Buffer.alloc(1_500))
    expect(await answer(client)).toEqual([413, 'LLMUX_ERR_BODY_TOO_LARGE'])
    await once(client, 'close')
  })

  test('a client that stops half-way gets its answer, and the connection ends', async () => {
    timeout = 20
    const client = post({ 'content-length': '100' })
    client.write('half')
    expect(await answer(client)).toEqual([408, 'LLMUX_ERR_BODY_TIMEOUT'])
    await once(client, 'close')
  })

  test('a client that leaves half-way is noticed', async () => {
    const client = post({ 'content-length': '100' })
    client.on('error', () => {
      // It has left by its own will.
    })
    client.write('half')
    await once(server, 'request')
    client.destroy()
    expect(await outcome).toBe('LLMUX_ERR_BODY_ABORTED')
  })

  test('a whole body is read', async () => {
    const client = post({})
    client.end('a'.repeat(1_000))
    expect(await answer(client)).toEqual([200, '1000'])
  })
})
