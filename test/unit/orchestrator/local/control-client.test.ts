import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { engines } from '../../../../lib/engines/index.ts'
import { ControlClient } from '../../../../lib/orchestrator/local/control-client.ts'
import { settle } from '../helper.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const cleanUps: Array<() => unknown> = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

/** An engine that answers as it is told, and a client to it. */
async function setUp (handler: Handler = (request, response) => response.end(), { apiKey = undefined as string | undefined, socket = false } = {}) {
  const requests: Array<{ line: string, headers: IncomingMessage['headers'], body: string, socket: unknown }> = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body, socket: request.socket })
    handler(request, response)
  })
  const directory = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  const socketPath = socket ? join(directory, 'x.sock') : undefined
  await new Promise<void>(resolve => server.listen(socketPath === undefined ? { port: 0, host: '127.0.0.1' } : { path: socketPath }, resolve))
  const origin = socket ? 'http://engine' : `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new ControlClient({ model: { id: 'qwen', path: 'qwen', engine: engines.vllm, readyPath: undefined }, origin, connect: socketPath === undefined ? {} : { socketPath }, apiKey })
  cleanUps.push(() => client.destroy(), () => new Promise(resolve => {
    server.close(resolve)
    server.closeAllConnections()
  }), () => rmSync(directory, { recursive: true }))
  const lines = () => requests.map(({ line }) => line)
  return { client, requests, lines, server, signal: new AbortController().signal }
}

const answers = (status: number, text = ''): Handler => (request, response) => {
  response.statusCode = status
  response.end(text)
}

const never: Handler = () => {}

describe('control calls', () => {
  it('go where vLLM has them', async () => {
    const { client, requests, lines, signal } = await setUp()
    await client.sleep(1, 'wait', signal)
    await client.sleep(2, 'wait', signal)
    await client.wake(undefined, signal)
    await client.wake('weights', signal)
    await client.reload(signal)
    await client.wake('kv_cache', signal)
    await client.resetPrefixCache(signal)
    await client.health(signal)
    await client.warmUp(signal)
    expect(lines()).toEqual([
      'POST /sleep?level=1&mode=wait',
      'POST /sleep?level=2&mode=wait',
      'POST /wake_up',
      'POST /wake_up?tags=weights',
      'POST /collective_rpc',
      'POST /wake_up?tags=kv_cache',
      'POST /reset_prefix_cache',
      'GET /health',
      'POST /v1/completions'
    ])
    expect(JSON.parse(requests[4]!.body)).toEqual({ method: 'reload_weights' })
    expect(requests[4]!.headers['content-type']).toBe('application/json')
    expect(JSON.parse(requests[8]!.body)).toMatchObject({ model: 'qwen', prompt: expect.stringMatching(/./), max_tokens: 1 })
    expect(requests[0]!.body).toBe('')
    expect(requests[0]!.headers).not.toHaveProperty('content-type')
    expect(requests[0]!.headers).not.toHaveProperty('authorization')
  })

  it('go through a unix socket', async () => {
    const { client, lines, signal } = await setUp(undefined, { socket: true })
    await client.wake(undefined, signal)
    expect(lines()).toEqual(['POST /wake_up'])
  })

  it('carry the key of the engine', async () => {
    const { client, requests, signal } = await setUp(undefined, { apiKey: 'secret' })
    await client.sleep(1, 'wait', signal)
    await client.health(signal)
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret', 'Bearer secret'])
  })

  it('do not wait for each other', async () => {
    const { client, lines, signal } = await setUp((request, response) => { if (request.url !== '/health') response.end() })
    const probe = new AbortController()
    const hanging = client.health(probe.signal)
    await client.wake(undefined, signal)
    await client.sleep(1, 'wait', signal)
    expect(lines()).toHaveLength(3)
    probe.abort()
    expect(await hanging).toBe(false)
  })

  it('are made once more when the engine is just closing the connection', async () => {
    const used = new Set<unknown>()
    const { client, requests, signal } = await setUp((request, response) => {
      if (used.has(request.socket)) return request.socket.destroy()
      used.add(request.socket)
      response.end()
    })
    await client.wake(undefined, signal)
    await settle()
    await client.reload(signal)
    expect(requests.map(({ line, body }) => line + body)).toEqual(['POST /wake_up', 'POST /collective_rpc{"method":"reload_weights"}', 'POST /collective_rpc{"method":"reload_weights"}'])
    expect(requests.map(({ socket }) => requests.findIndex(request => request.socket === socket))).toEqual([0, 0, 2])
  })

  it('are made once more only once', async () => {
    const { client, lines, signal } = await setUp(request => request.socket.destroy())
    await expect(client.sleep(1, 'wait', signal)).rejects.toMatchObject({ code: 'LLMUX_ERR_SLEEP_FAILED', message: expect.stringMatching(/failed: .*closed/) })
    expect(lines()).toHaveLength(2)
  })

  it('are not made once more when they were answered, or refused, or given up', async () => {
    const { client, lines, server, signal } = await setUp(answers(500))
    await expect(client.sleep(1, 'wait', signal)).rejects.toThrow()
    expect(lines()).toHaveLength(1)
    server.close()
    server.closeAllConnections()
    await expect(client.sleep(1, 'wait', signal)).rejects.toThrow()
    expect(lines()).toHaveLength(1)
  })

  it('go by the status, whatever the body of a success says', async () => {
    const { client, signal } = await setUp(answers(200, '{"error":"no"}'))
    await client.sleep(1, 'wait', signal)
    await client.wake(undefined, signal)
  })

  it('do not wait for the end of a success', async () => {
    const { client, signal } = await setUp((request, response) => response.write('{'))
    await client.sleep(1, 'wait', signal)
    expect(await client.health(signal)).toBe(true)
    expect(await client.warmUp(signal)).toBe(true)
  })

  it.each([
    ['sleep', 'LLMUX_ERR_SLEEP_FAILED', 'POST /sleep?level=1&mode=wait'],
    ['wake', 'LLMUX_ERR_WAKE_FAILED', 'POST /wake_up'],
    ['reload', 'LLMUX_ERR_WAKE_FAILED', 'POST /collective_rpc'],
    ['resetPrefixCache', 'LLMUX_ERR_WAKE_FAILED', 'POST /reset_prefix_cache'],
    ['warmUp', 'LLMUX_ERR_WAKE_FAILED', 'POST /v1/completions']
  ] as const)('that fail say so: %s', async (step, code, call) => {
    const { client, signal, server } = await setUp(answers(500, ' {"error":"out of memory"}\n'))
    const steps = {
      sleep: () => client.sleep(1, 'wait', signal),
      wake: () => client.wake(undefined, signal),
      reload: () => client.reload(signal),
      resetPrefixCache: () => client.resetPrefixCache(signal),
      warmUp: () => client.warmUp(signal)
    }
    await expect(steps[step]()).rejects.toMatchObject({ code, message: expect.stringMatching(/`qwen`.*\{"error":"out of memory"\}$/) })
    await expect(steps[step]()).rejects.toThrow(`${call} answered 500: {"error"`)
    server.close()
    await expect(steps[step]()).rejects.toMatchObject({ code, message: expect.stringContaining(`${call} failed: connect ECONNREFUSED`) })
  })

  it.each([201, 204, 302, 400, 404, 503])('do not take %i for a success', async status => {
    const { client, signal } = await setUp(answers(status))
    await expect(client.sleep(1, 'wait', signal)).rejects.toThrow(new RegExp(`answered ${status}$`))
    expect(await client.health(signal)).toBe(false)
  })

  it('quote no more than the beginning of a long answer, and do not wait for its end', async () => {
    const { client, signal } = await setUp((request, response) => {
      response.statusCode = 500
      response.write('x'.repeat(100_000))
    })
    const error = await client.sleep(1, 'wait', signal).catch(error => error)
    expect(error.message).toMatch(/answered 500: x{500}$/)
  })

  it('quote an answer that comes in pieces', async () => {
    const { client, signal } = await setUp((request, response) => {
      response.statusCode = 500
      response.write('out of ')
      setImmediate(() => response.end('memory'))
    })
    await expect(client.sleep(1, 'wait', signal)).rejects.toThrow(/answered 500: out of memory$/)
  })

  it('quote what came of an answer that was broken off', async () => {
    const { client, signal } = await setUp((request, response) => {
      response.statusCode = 500
      response.write('half an ans', () => response.destroy())
    })
    await expect(client.wake(undefined, signal)).rejects.toThrow(/answered 500: half an ans$/)
  })

  it('are given up with the reason of the signal', async () => {
    const { client, lines } = await setUp(never)
    const controller = new AbortController()
    const sleep = client.sleep(1, 'wait', controller.signal).catch(error => error)
    await expect.poll(() => lines().length).toBe(1)
    const reason = new Error('too late')
    controller.abort(reason)
    expect(await sleep).toBe(reason)
  })

  it('are not begun when it is too late', async () => {
    const { client, lines } = await setUp()
    await expect(client.sleep(1, 'wait', AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
    expect(lines()).toEqual([])
  })

  it('break when the client is destroyed', async () => {
    const { client, lines, signal } = await setUp(never)
    const wake = client.wake(undefined, signal).catch(error => error)
    await expect.poll(() => lines().length).toBe(1)
    await client.destroy()
    expect(await wake).toMatchObject({ code: 'LLMUX_ERR_WAKE_FAILED' })
  })
})

describe('a health probe', () => {
  it('says yes on 200', async () => {
    const { client, signal } = await setUp()
    expect(await client.health(signal)).toBe(true)
  })

  it('says no where nobody listens', async () => {
    const { client, signal, server } = await setUp()
    server.close()
    expect(await client.health(signal)).toBe(false)
  })
})

describe('a question to the core', () => {
  it.each([[200, true], [404, true], [500, false], [503, false]])('that is answered with %i says %s', async (status, responds) => {
    const { client, lines, signal } = await setUp(answers(status))
    expect(await client.responds(signal)).toBe(responds)
    expect(lines()).toEqual(['GET /is_sleeping'])
  })

  it('says no where nobody listens', async () => {
    const { client, signal, server } = await setUp()
    server.close()
    expect(await client.responds(signal)).toBe(false)
  })
})

describe('the warm-up', () => {
  it.each([400, 404, 422])('is not for a model that answers %i', async status => {
    const { client, signal } = await setUp(answers(status))
    expect(await client.warmUp(signal)).toBe(false)
  })

  it('worked when it was answered', async () => {
    const { client, signal } = await setUp(answers(200, '{}'))
    expect(await client.warmUp(signal)).toBe(true)
  })
})
