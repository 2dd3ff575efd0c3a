import t from 'tap'
import type { Test } from 'tap'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, nobodyServed, statusOf } from '../helpers/gateway-view.ts'
import { collectLog } from '../helpers/log-lines.ts'
import { RawConnection } from '../helpers/raw-connection.ts'
import { Registry } from 'prom-client'
import { request } from 'undici'
import llmuxMetrics from '../../lib/metrics/index.ts'

// What a client is told when it cannot be served: OpenAI's shape, and whether trying again makes sense.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const path = '/v1/chat/completions'
const endless = { stream: true, max_tokens: 1_000_000 }
const fault = (spec: string) => ({ args: ['--mock-fault', spec] })

interface Expected {
  status: number
  code: string
  type?: string
  message?: RegExp
  /** Seconds after which to try again; `estimate`: as long as one would wait; false: not at all; undefined: the client's own rules are right */
  retry?: number | 'estimate' | false
}

async function refused (t: Test, answer: Response, { status, code, retry, message = /./, type = status < 500 ? 'invalid_request_error' : 'server_error' }: Expected) {
  t.equal(answer.status, status)
  t.match(answer.headers.get('content-type'), /^application\/json/)
  const body = await answer.json() as any
  t.same(Object.keys(body), ['error'])
  t.match(body.error, { message, type, code: `LLMUX_ERR_${code}` })
  t.same(Object.keys(body.error), ['message', 'type', 'param', 'code'])
  const after = answer.headers.get('retry-after')
  if (retry === 'estimate') t.ok(Number(after) >= 1 && Number(after) <= 120, `retry-after ${after}`)
  else t.equal(after, retry === undefined || retry === false ? null : String(retry), 'retry-after')
  // Whoever has waited in vain is told when it would be its turn, but is not to come back by itself.
  t.equal(answer.headers.get('x-should-retry'), retry === false || status === 504 ? 'false' : null, 'x-should-retry')
}

/** A stream that holds its model. */
async function hold (gateway: TestGateway, model: string) {
  const answer = await request(gateway.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [], ...endless }) })
  const reader = new StreamReader(answer)
  await until('the stream has begun', () => reader.text.includes('content'))
  return Object.assign(reader, { leave: () => { answer.body.destroy() } })
}

t.test('413: a body above bodyLimit, announced or not', async t => {
  // The server's own limit does not matter, be it higher or lower.
  const gateway = await start(t, { bodyLimit: 1_000, server: { bodyLimit: 100 } })
  const wanted = { status: 413, code: 'BODY_TOO_LARGE', message: /1000 bytes/ }
  await refused(t, await gateway.chat('a', 'x'.repeat(1_000)), wanted)
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`
  const chunked = await RawConnection.open(gateway.url)
  // Without an end: it is told as soon as too much has come.
  await chunked.send(`${head}transfer-encoding: chunked\r\n\r\n${`64\r\n${' '.repeat(100)}\r\n`.repeat(11)}`).over()
  t.match(chunked.text, /^HTTP\/1.1 413 [^]*"code":"LLMUX_ERR_BODY_TOO_LARGE"/)
  const client = await RawConnection.open(gateway.url)
  client.send(`${head}content-length: 1001\r\n\r\n`)
  await client.over()
  t.match(client.text, /^HTTP\/1.1 413 /, 'told before its first byte, and the connection is closed')
  t.match(client.text, /connection: close/i)
  t.equal((await gateway.chat('a', 'x'.repeat(800))).status, 200)
})

t.test('408: a body that does not come', async t => {
  const gateway = await start(t, { timeouts: { body: 100 } })
  const client = await RawConnection.open(gateway.url)
  client.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"model":`)
  await client.over()
  t.match(client.text, /^HTTP\/1.1 408 /)
  t.match(client.text, '"code":"LLMUX_ERR_BODY_TIMEOUT"')
  t.match(client.text, /x-should-retry: false/i)
  t.match(client.text, /connection: close/i)
})

t.test('429: too many wait, or with too much', async t => {
  const full = { status: 429, code: 'QUEUE_FULL', type: 'rate_limit_error', retry: 'estimate' as const }
  const gateway = await start(t, { maxQueue: 2, maxQueueBytes: 1_000 })
  const holder = await hold(gateway, 'a')
  const waiting = [gateway.chat('b', 'x'), gateway.chat('b', 'x'.repeat(800))]
  await until('both wait', () => gateway.app.llmux.status().waiting === 2)
  await refused(t, await gateway.chat('b', 'x'), { ...full, message: /2 requests at most/ })
  const acquired = gateway.app.llmux.acquire('b').catch(error => error)
  t.match(await acquired, { code: 'LLMUX_ERR_QUEUE_FULL', statusCode: 429 }, 'for the routes of the server as well')
  holder.leave()
  for (const answer of await Promise.all(waiting)) t.equal(answer.status, 200)

  const bytes = await start(t, { maxQueueBytes: 1_000 })
  const other = await hold(bytes, 'a')
  const first = bytes.chat('b', 'x'.repeat(800))
  await until('one waits', () => bytes.app.llmux.status().waiting === 1)
  await refused(t, await bytes.chat('b', 'x'.repeat(300)), { ...full, message: /1000 bytes/ })
  other.leave()
  t.equal((await first).status, 200)

  const none = await start(t, { maxQueue: 0 })
  await refused(t, await none.chat('a', 'x'), full)
  await none.app.llmux.switchTo('a')
  t.equal((await none.chat('a', 'x')).status, 200, 'who need not wait is served')
})

t.test('502: the engine died before the first byte', async t => {
  const gateway = await start(t, { replay: false })
  await gateway.app.llmux.switchTo('a')
  const lease = await gateway.app.llmux.acquire('a')
  await lease.fetch('/mock/faults', { method: 'POST', body: '{"request":"api-die"}' })
  lease.release()
  await refused(t, await gateway.chat('a', 'x'), { status: 502, code: 'ENGINE_DIED', retry: 1, message: /^the request was lost: the (process of model `a` died|connection to the engine of model `a` broke): .{1,200}$/ })
  await nobodyServed(gateway)
})

t.test('200: in flight by chance in two deaths, it is sent a third time, with nobody beside it; what kills a third engine gets 502', async t => {
  const gateway = await start(t, { mock: { 'prompt-ms': 300 }, models: ['a'] })
  const replays: number[] = []
  gateway.app.llmux.events.on('response', end => replays.push(end.replays))
  const sent = (prompt: string) => gateway.gpu.records().filter(record => record.event === 'request' && String(record['prompt']).startsWith(prompt))
  const dieWith = async (prompt: string, time: number) => {
    await until('it is with an engine', () => sent(prompt).length === time)
    process.kill(-statusOf(gateway, 'a').pid!, 'SIGKILL')
  }
  const chance = gateway.chat('a', 'chance')
  await dieWith('chance', 1)
  await dieWith('chance', 2)
  await until('it waits for the next engine', () => statusOf(gateway, 'a').waiting === 1)
  const other = gateway.chat('a', 'other')
  t.equal((await chance).status, 200)
  t.equal((await other).status, 200)
  t.same(replays, [2, 0])
  const [, , last] = sent('chance')
  const finished = gateway.gpu.records().find(({ event, core, id }) => event === 'finished' && core === last!.core && id === last!.id)
  t.ok(sent('other')[0]!.t >= finished!.t, 'the other one came to the engine when the first had its answer')

  const poison = gateway.chat('a', 'poison')
  for (const time of [1, 2, 3]) await dieWith('poison', time)
  await refused(t, await poison, { status: 502, code: 'ENGINE_DIED', retry: 1 })
  t.equal(sent('poison').length, 3)
})

t.test('an engine that dies during a stream: the client learns why, and sees a broken stream', async t => {
  const gateway = await start(t, { mock: { 'token-ms': 1 } })
  await gateway.app.llmux.switchTo('a')
  for (const kind of ['die', 'api-die', 'cut']) {
    const answer = await request(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-mock-fault': `stream=${kind}@20` },
      body: JSON.stringify({ model: 'a', messages: [], ...endless })
    })
    t.equal(answer.statusCode, 200)
    const reader = new StreamReader(answer)
    await reader.done
    t.equal(reader.end, 'broken', kind)
    t.notOk(reader.text.includes('[DONE]'))
    t.match(JSON.parse(reader.events.at(-1)!.data), { error: { type: 'server_error', code: 'engine_died' } })
    t.ok(reader.chunks.length > 15, 'with what had come before')
    await nobodyServed(gateway)
  }
})

t.test('503: the engine cannot be started', async t => {
  await t.test('it ends while it starts: in one sentence, and with its last lines where those are to be seen', async t => {
    const discreet = await start(t, { models: { a: fault('start=exit@3/10') } })
    await refused(t, await discreet.chat('a', 'x'), { status: 503, code: 'PROCESS_DIED', retry: 1, message: /exit code 3$/ })
    t.match(statusOf(discreet, 'a').lastLines.join('\n'), 'Error')
    const gateway = await start(t, { exposeEngineOutput: true, models: { a: fault('start=exit@3/10') } })
    await refused(t, await gateway.chat('a', 'x'), { status: 503, code: 'PROCESS_DIED', retry: 1, message: /exit code 3; its last lines:\n(.*\n)*.*Error/ })
    t.equal(statusOf(gateway, 'a').state, 'failed')
    await nobodyServed(gateway)
  })

  await t.test('why is said everywhere, in the engine\'s own words only to operators', async t => {
    const registry = new Registry()
    const log = collectLog()
    const secret = 'OSError: [Errno 98] Address already in use: /home/me'
    const gateway = await start(t, {
      models: { a: { command: ['/bin/sh', '-c', `echo '       █     █     █▄   ▄█'; echo '${secret}' >&2; exit 1`] } },
      server: { logger: { level: 'info', stream: log.stream } },
      before: app => {
        // As somebody writes who does not think of what an error has in it.
        app.get('/mine', async () => { await app.llmux.acquire('a') })
        app.get('/mine/whole', async (_request, reply) => await app.llmux.acquire('a').catch(error => reply.code(500).send({ error, text: String(error) })))
        app.get('/ready', async () => app.llmux.readiness())
      },
      after: async app => { await app.register(llmuxMetrics, { registry }) }
    })
    const causes: unknown[] = []
    gateway.app.llmux.events.on('engine', ({ startCause }) => { if (startCause !== undefined) causes.push(startCause) })
    const sentence = 'the process of model `a` died: exit code 1: its port is taken'
    await refused(t, await gateway.chat('a', 'x'), { status: 503, code: 'PROCESS_DIED', retry: 1, message: new RegExp(`^${sentence}$`) })
    t.same(causes, ['port_taken'])
    t.match(statusOf(gateway, 'a'), { startCause: 'port_taken', lastLines: [secret] })
    t.match(await registry.metrics(), 'llmux_engine_start_failures_total{model="a",cause="port_taken"} 1\n')
    const [line] = log.lines.filter(({ msg }) => String(msg).startsWith('engine a failed'))
    t.match(line, { msg: `engine a failed: ${sentence} (${secret})`, startCause: 'port_taken', lastLines: [secret] })
    for (const path of ['/mine', '/mine/whole', '/ready']) {
      const text = await (await fetch(gateway.url + path)).text()
      t.match(text, sentence, path)
      t.notMatch(text, 'Errno', path)
    }
  })

  await t.test('it takes too long', async t => {
    const gateway = await start(t, { models: { a: fault('start=hang') }, timeouts: { start: 1_500 } })
    await refused(t, await gateway.chat('a', 'x'), { status: 503, code: 'START_TIMEOUT', retry: 1, message: /within 1500 ms$/ })
  })

  await t.test('its command is not there', async t => {
    const cold = await start(t, { models: { a: { command: '/nowhere/vllm' } } })
    t.match(cold.app.llmux.readiness(), { ready: false, reason: /`a` cannot be started: \/nowhere\/vllm is not an executable file/ }, 'said before anybody asks')
    await refused(t, await cold.chat('a', 'x'), { status: 503, code: 'NOT_STARTABLE', retry: 1, message: /\/nowhere\/vllm/ })
    const gateway = await start(t, { models: { a: { command: '/nowhere/vllm' }, b: {} } })
    t.match(gateway.app.llmux.readiness(), { ready: true, obstacles: [/\/nowhere\/vllm/] })
    t.equal((await gateway.chat('b', 'x')).status, 200)
    const changes: string[] = []
    gateway.app.llmux.events.on('engine', ({ model, to }) => changes.push(`${model} ${to}`))
    await refused(t, await gateway.chat('a', 'x'), { status: 503, code: 'NOT_STARTABLE', retry: false, message: /\/nowhere\/vllm/ })
    t.same(changes, [], 'nobody was put to sleep for it')
  })

  await t.test('all who wait for it are told, and the model that made way comes back', async t => {
    const gateway = await start(t, { models: { a: {}, b: fault('start=exit@3/300') } })
    await gateway.chat('a', 'x')
    const answers = await Promise.all([gateway.chat('b', '1'), gateway.chat('b', '2'), gateway.chat('b', '3')])
    for (const answer of answers) await refused(t, answer, { status: 503, code: 'PROCESS_DIED', retry: 1 })
    await until('the old model is awake again', () => statusOf(gateway, 'a').state === 'awake')
    await nobodyServed(gateway)
  })
})

t.test('503: the engine cannot be woken', async t => {
  const gateway = await start(t, { models: { a: fault('wake=500'), b: {} } })
  await gateway.chat('a', 'x')
  await gateway.chat('b', 'x')
  const answer = await gateway.chat('a', 'x')
  // Ended, and started afresh.
  t.equal(answer.status, 200)
  t.match(gateway.gpu.records().filter(({ engine, event }) => engine === 'a' && ['started', 'wake-failed'].includes(event)).map(({ event }) => event), ['started', 'wake-failed'])
})

t.test('504: a request that waits too long', async t => {
  const gateway = await start(t, { models: { a: {}, b: { timeouts: { queue: 150 } } } })
  const holder = await hold(gateway, 'a')
  await refused(t, await gateway.chat('b', 'x'), { status: 504, code: 'QUEUE_TIMEOUT', retry: 'estimate', message: /150 ms/ })
  t.notOk(holder.end)
  t.equal(gateway.app.llmux.status().transitions.length, 0, 'and the switch for it is off')
  holder.leave()
  await nobodyServed(gateway)
  t.equal(statusOf(gateway, 'b').state, 'stopped')
})

t.test('504: a request that does not end when its model has to go', async t => {
  const gateway = await start(t, { freeze: false, models: { a: { timeouts: { drain: 300 } }, b: {} }, mock: { 'token-ms': 5 } })
  const holder = await hold(gateway, 'a')
  const whole = gateway.chat('a', 'x', { max_tokens: 1_000_000 })
  await until('both run', () => statusOf(gateway, 'a').inFlight === 2)
  const cut = nextEvent(gateway.app.llmux.events, 'request', ({ to }) => to === 'cut')
  const other = gateway.chat('b', 'x')
  t.match(await cut, { model: 'a', error: { code: 'LLMUX_ERR_DRAIN_TIMEOUT' } })
  await refused(t, await whole, { status: 504, code: 'DRAIN_TIMEOUT', retry: 'estimate', message: /300 ms/ })
  await holder.done
  t.equal(holder.end, 'broken')
  t.notOk(holder.text.includes('[DONE]'))
  t.match(JSON.parse(holder.events.at(-1)!.data), { error: { code: 'drain_timeout' } })
  t.equal((await other).status, 200)
  t.same(gateway.gpu.records().filter(({ event }) => event === 'aborted').map(({ reason }) => reason), ['client', 'client'], 'the engine was not left to end them as if they were whole')
})

t.test('names that nobody knows are told short, and in one line', async t => {
  const log = collectLog()
  const gateway = await start(t, { server: { logger: { level: 'info', stream: log.stream } } })
  const messageOf = async (answer: Response) => {
    t.equal(answer.status, 404)
    return (await answer.json() as any).error.message as string
  }
  const long = await messageOf(await gateway.chat('x'.repeat(1024 ** 2), 'y'))
  t.ok(long.length < 300, `${long.length} characters`)
  t.match(long, /`x{50}.*…/)
  for (const [index, name] of ['a\r\nset-cookie: x=1', 'a\n{"level":60}', 'a\u0000\u001b[31m', 'a\u2028b', '\ud800'].entries()) {
    const message = await messageOf(await gateway.post(path, JSON.stringify({ model: name })))
    t.notMatch(message, /[\p{Cc}\p{Cs}\p{Zl}]/u, `name ${index}`)
  }
  t.ok(log.lines.every(line => JSON.stringify(line).length < 5_000), 'in the log as well')
  t.equal(await messageOf(await gateway.chat('Qwen/Qwen3 14B', 'y')), 'the model `Qwen/Qwen3 14B` does not exist')
  t.match(await messageOf(await fetch(`${gateway.url}/v1/models/${'x'.repeat(90)}%0a`)), /x{50}/)
})

t.test('a thing that we did not foresee is the server\'s to answer', async t => {
  const gateway = await start(t, {
    before: app => {
      app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send({ own: error.message }))
      app.addHook('onSend', async (request, _reply, payload) => {
        // Bytes or a stream: what is sent for the error is a text.
        if (request.headers['x-break'] !== undefined && typeof payload !== 'string') throw new Error('a hook broke')
        return payload
      })
    }
  })
  for (const stream of [false, true]) {
    const answer = await gateway.chat('a', 'x', { stream }, { headers: { 'x-break': '1' } })
    t.equal(answer.status, 500)
    await answer.text()
    await nobodyServed(gateway)
  }
})
