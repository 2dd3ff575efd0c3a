import { once } from 'node:events'
import { connect } from 'node:net'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import OpenAI from 'openai'
import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { lastRequestSeenBy, nextEvent, nobodyServed, statusOf } from '../helpers/gateway-view.ts'
import { RawConnection } from '../helpers/raw-connection.ts'

// What a client is told while it waits for its model: in headers, and by comments on its event stream.

const heartbeat = 100
const path = '/v1/chat/completions'
const endless = { stream: true, max_tokens: 1_000_000 }
const bodyOf = (model: string, more: object = {}) => JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }], ...more })

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], mock: { 'token-ms': 5 }, heartbeat, policy: 'fifo', ...options })
  t.teardown(() => gateway.close())
  return gateway
}

/** A stream, as far as it has come. */
async function open ({ url }: TestGateway, model: string, more: object = {}, target = path) {
  const answer = await request(url + target, { method: 'POST', headers: { 'content-type': 'application/json', origin: 'http://page' }, body: bodyOf(model, { stream: true, ...more }) })
  return Object.assign(new StreamReader(answer), { headers: answer.headers, status: answer.statusCode, leave: () => { answer.body.destroy() } })
}

/** A stream of a model that is awake, which keeps others waiting. */
async function hold (gateway: TestGateway, model = 'a') {
  const reader = await open(gateway, model, endless)
  await until('the stream has begun', () => reader.text.includes('content'))
  return reader
}

const comments = ({ text }: { text: string }) => text.split('\n').filter(line => line.startsWith(':'))
/** Its events, without our comments. */
const plain = ({ text }: { text: string }) => text.replace(/^:.*\n\n/gm, '')
const beats = async (reader: { text: string }, count: number) => await until(`${count} comments have come`, () => comments(reader).length >= count)
/** The data of the last event. */
const lastEvent = (reader: StreamReader) => JSON.parse(reader.events.at(-1)!.data)

t.test('comments come while another model drains, then the whole stream', async t => {
  const gateway = await start(t)
  const holder = await hold(gateway)
  t.match(holder.headers, { 'x-llmux-queue-position': '1' }, 'it has waited for the start')
  const [first, second] = [await open(gateway, 'b', { max_tokens: 20 }), await open(gateway, 'b', { max_tokens: 5 })]
  t.equal(first.status, 200)
  t.match(first.headers, { 'content-type': 'text/event-stream; charset=utf-8', 'x-llmux-queue-position': '1', 'x-llmux-estimated-wait': /^[1-9]\d*$/ })
  t.match(second.headers, { 'x-llmux-queue-position': '2' })
  await Promise.all([beats(first, 3), beats(second, 3)])
  t.ok(comments(first).every(line => /^: waiting, position 1, about \d+ s$/.test(line)), first.text)
  t.ok(comments(second).every(line => /^: waiting, position 2, about \d+ s$/.test(line)), second.text)
  t.equal(plain(first), '')
  t.equal(gateway.app.llmux.status().waiting, 2)
  t.notOk(holder.end)
  holder.leave()
  await first.done
  t.equal(first.end, 'ended')
  t.ok(first.text.endsWith('data: [DONE]\n\n'))
  t.match(plain(first), '"finish_reason":"length"')
  t.match(plain(first), 'engine=b')
  t.ok(first.text.startsWith(': waiting') && first.text.lastIndexOf('\n: ') < first.text.indexOf('data: '), 'no comment after the first event')
  await second.done
  await nobodyServed(gateway)
})

t.test('who does not ask for a stream, or comes to a model that is awake, is sent nothing early', async t => {
  const gateway = await start(t, { models: { a: {}, b: { aliases: ['bb'] } } })
  const holder = await hold(gateway)
  const atOnce = await open(gateway, 'a', { max_tokens: 2 })
  t.notOk('x-llmux-queue-position' in atOnce.headers)
  await atOnce.done
  t.same(comments(atOnce), [])
  const waiting: Array<Promise<Response>> = [
    gateway.chat('b', 'x'),
    gateway.chat('b', 'x', { stream: false, metadata: { stream: true } }),
    gateway.post('/v1/embeddings', { model: 'b', input: 'x', stream: true })
  ]
  await until('all of them wait', () => gateway.app.llmux.status().waiting === 3)
  holder.leave()
  const answers = await Promise.all(waiting)
  t.same(answers.map(({ status }) => status), [200, 200, 200])
  for (const [index, answer] of answers.entries()) {
    t.match(answer.headers.get('content-type'), 'application/json')
    t.equal(answer.headers.get('x-llmux-queue-position'), String(index + 1))
    t.match(answer.headers.get('x-llmux-estimated-wait'), /^[1-9]\d*$/)
    t.notMatch(await answer.text(), ': waiting')
  }
})

t.test('off by default: the headers tell, and nothing is sent before the answer', async t => {
  const gateway = await start(t, { heartbeat: false })
  const holder = await hold(gateway)
  const answer = open(gateway, 'b', { max_tokens: 2 })
  await until('it waits', () => gateway.app.llmux.status().waiting === 1)
  t.equal(await Promise.race([answer.then(() => 'answered'), once(gateway.app.server, 'request').then(() => 'silent'), gateway.post('/v1/embeddings', { model: 'a', input: 'x' }).then(() => 'silent')]), 'silent')
  holder.leave()
  const reader = await answer
  await reader.done
  t.match(reader.headers, { 'x-llmux-queue-position': '1' })
  t.same(comments(reader), [])
})

t.test('the body goes on unchanged, with the host’s headers before it', async t => {
  const seen: string[] = []
  const gateway = await start(t, {
    before: async app => {
      await app.register(cors, { origin: 'http://page', exposedHeaders: ['x-llmux-queue-position'] })
      await app.register(rateLimit, { max: 50 })
      app.addHook('onRequest', async (_request, reply) => { reply.header('x-host', 'set') })
      app.addHook('onSend', async (request, reply, payload) => {
        seen.push(request.url)
        reply.header('x-on-send', 'ran')
        return payload
      })
      app.addHook('onResponse', async (request, reply) => { seen.push(`${request.url} ${reply.statusCode}`) })
    }
  })
  const holder = await hold(gateway)
  seen.length = 0
  const body = `{"model":"b","\\u0073tream":true,"max_tokens":3,"big":${2n ** 60n},"messages":[]}`
  const answer = await request(`${gateway.url}${path}?x=1`, { method: 'POST', headers: { 'content-type': 'application/json', origin: 'http://page' }, body })
  const reader = new StreamReader(answer)
  await beats(reader, 1)
  t.match(answer.headers, {
    'access-control-allow-origin': 'http://page',
    'access-control-expose-headers': /x-llmux-queue-position/,
    'x-ratelimit-limit': '50',
    'x-host': 'set',
    'x-on-send': 'ran'
  })
  t.same(seen, [`${path}?x=1`], 'onSend has run once')
  holder.leave()
  await reader.done
  t.equal(reader.end, 'ended')
  await until('onResponse has run', () => seen.includes(`${path}?x=1 200`))
  t.equal(seen.filter(line => line === `${path}?x=1`).length, 1)
  const sent = await lastRequestSeenBy(gateway, 'b')
  t.equal(sent.body.toString(), body)
  t.equal(sent.url, `${path}?x=1`)
})

t.test('an error is the last event, in the dialect of the route, and the connection breaks', async t => {
  const gateway = await start(t, { models: { a: {}, b: { timeouts: { queue: 500 } } } })
  const holder = await hold(gateway)
  const targets = [path, '/v1/completions', '/v1/messages', '/v1/responses']
  const readers = await Promise.all(targets.map(target => open(gateway, 'b', { prompt: 'x', input: 'x', max_tokens: 4 }, target)))
  await Promise.all(readers.map(reader => reader.done))
  for (const reader of readers) {
    t.equal(reader.end, 'broken')
    t.ok(comments(reader).length > 1)
    t.notMatch(reader.text, '[DONE]')
    t.equal(plain(reader).match(/^data: /gm)?.length, 1)
  }
  const [chat, completions, messages, responses] = readers as StreamReader[] as [StreamReader, StreamReader, StreamReader, StreamReader]
  const said = { message: /waited longer than 500 ms/, code: 'queue_timeout' }
  for (const reader of [chat, completions]) t.match(lastEvent(reader), { error: { ...said, type: 'server_error', param: null } })
  t.match(messages.events.at(-1), { event: 'error' })
  t.match(lastEvent(messages), { type: 'error', error: { ...said, type: 'api_error' } })
  t.match(responses.events.at(-1), { event: 'error' })
  t.match(lastEvent(responses), { type: 'error', ...said })
  holder.leave()
  await nobodyServed(gateway)
})

t.test('any outcome: a failed start, a client’s mistake, an answer without a stream, a death, a close', async t => {
  const fault = (spec: string) => ({ args: ['--mock-fault', spec] })
  const gateway = await start(t, { models: { a: {}, b: {}, 'not-startable': { command: 'no-such-program' }, dies: fault('stream=die@3'), 'starts-not': fault('start=exit@1/10') } })
  const cases: Array<[string, string, object, object]> = [
    ['known before', 'not-startable', {}, { code: 'not_startable', type: 'server_error' }],
    ['the process ends', 'starts-not', {}, { code: 'process_died' }],
    ['the engine says 400', 'b', { max_tokens: 2_000_000 }, { code: 'engine_answer', type: 'invalid_request_error', message: /answered 400 .*cannot be greater/ }],
    ['the engine dies in the midst', 'dies', { max_tokens: 100 }, { code: 'engine_died' }]
  ]
  for (const [what, model, more, error] of cases) {
    const holder = await hold(gateway)
    const reader = await open(gateway, model, more)
    await beats(reader, 1)
    holder.leave()
    await reader.done
    t.equal(reader.end, 'broken', what)
    t.match(lastEvent(reader), { error }, what)
    t.notMatch(reader.text, '[DONE]', what)
  }
  await nobodyServed(gateway)
  const holder = await hold(gateway)
  const reader = await open(gateway, 'b')
  const closed = gateway.app.close()
  await reader.done
  t.match(lastEvent(reader), { error: { code: 'closing' } })
  holder.leave()
  await closed
})

t.test('a request is sent again after a death before the first byte: comments are no bytes', async t => {
  const gateway = await start(t)
  const holder = await hold(gateway)
  gateway.gpu.setFaults('b', { request: 'die*1' })
  const reader = await open(gateway, 'b', { max_tokens: 5 })
  await beats(reader, 2)
  const lost = nextEvent(gateway.app.llmux.events, 'request', ({ to }) => to === 'lost')
  holder.leave()
  t.match(await lost, { model: 'b' })
  await reader.done
  t.equal(reader.end, 'ended')
  t.ok(reader.text.endsWith('data: [DONE]\n\n'))
  t.equal(plain(reader).match(/"role":"assistant"/g)?.length, 1, 'and answered once')
  await nobodyServed(gateway)
})

t.test('who was let in at once and has to wait after a death is told from then on', async t => {
  const gateway = await start(t, { models: { a: {} } })
  const lease = await gateway.app.llmux.acquire('a')
  await lease.fetch('/mock/faults', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ request: 'die*1' }) })
  lease.release()
  const reader = await open(gateway, 'a', { max_tokens: 5 })
  await reader.done
  t.match(reader.headers, { 'x-llmux-queue-position': '1' })
  t.match(comments(reader)[0], /^: waiting, position 1/)
  t.equal(reader.end, 'ended')
  t.ok(reader.text.endsWith('data: [DONE]\n\n'))
})

t.test('while the engine is silent over a long prompt the comments go on', async t => {
  const gateway = await start(t, { mock: { 'prompt-ms': 600, 'token-ms': 1 } })
  const reader = await open(gateway, 'a', { max_tokens: 3 })
  await reader.done
  t.ok(comments(reader).includes(': with the engine'))
  t.equal(reader.end, 'ended')
})

t.test('a client that leaves while it is told leaves no trace', async t => {
  const gateway = await start(t)
  const holder = await hold(gateway)
  const reader = await open(gateway, 'b')
  await beats(reader, 2)
  const left = nextEvent(gateway.app.llmux.events, 'request', ({ to }) => to === 'left')
  reader.leave()
  t.match(await left, { model: 'b', from: 'queued' })
  t.match(gateway.app.llmux.status(), { waiting: 0, waitingBytes: 0, transitions: [] })
  t.equal(statusOf(gateway, 'b').state, 'stopped')
  t.notOk(holder.end)
  holder.leave()
  await nobodyServed(gateway)
})

t.test('one that leaves as its engine works ends that work', async t => {
  const gateway = await start(t)
  const holder = await hold(gateway)
  const reader = await open(gateway, 'b', endless)
  await beats(reader, 1)
  holder.leave()
  await until('it is being answered', () => reader.text.includes('content'))
  reader.leave()
  await until('both are aborted', () => gateway.gpu.records().filter(({ event, reason }) => event === 'aborted' && reason === 'client').length === 2)
  await nobodyServed(gateway)
})

t.test('a stream that has waited is cut like any other', async t => {
  const gateway = await start(t, { freeze: false, timeouts: { drain: 200 } })
  const holder = await hold(gateway)
  const reader = await open(gateway, 'b', endless)
  await holder.done
  t.match(lastEvent(holder), { error: { code: 'drain_timeout' } })
  await until('it is being answered', () => reader.text.includes('content'))
  const next = await open(gateway, 'a', { max_tokens: 2 })
  await reader.done
  t.equal(reader.end, 'broken')
  t.match(lastEvent(reader), { error: { code: 'drain_timeout' } })
  await next.done
  t.equal(next.end, 'ended')
})

/** Asks, and hangs up when nothing comes for so long, as some clients and load balancers do: after five seconds or sixty, and after one here. */
function impatient ({ url }: TestGateway, model: string, patience = 1_000) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  const client = { text: '', hungUp: false, closed: once(socket, 'close') }
  socket.setEncoding('utf8').setTimeout(patience, () => {
    client.hungUp = true
    socket.destroy()
  })
  socket.on('data', chunk => { client.text += chunk })
  const body = bodyOf(model, { stream: true, max_tokens: 5 })
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  return client
}

t.test('a client that hangs up after a silence is lost without the comments, and kept by them', async t => {
  const silent = await start(t, { heartbeat: false })
  const first = await hold(silent)
  const lost = impatient(silent, 'b')
  await lost.closed
  t.match(lost, { text: '', hungUp: true })
  first.leave()
  const gateway = await start(t)
  const holder = await hold(gateway)
  const kept = impatient(gateway, 'b')
  await until('it has waited for longer than it bears silence', () => comments(kept).length > 15)
  t.notOk(kept.hungUp)
  holder.leave()
  await kept.closed
  t.notOk(kept.hungUp)
  t.match(kept.text, 'data: [DONE]')
})

t.test('the openai client: comments are nothing to it, and an early error is its error', async t => {
  const gateway = await start(t, { models: { a: {}, b: {}, c: { timeouts: { queue: 500 } } } })
  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'x', maxRetries: 0 })
  const ask = async (model: string) => await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'x' }], stream: true, max_tokens: 5 }).withResponse()
  const holder = await hold(gateway)
  const { data, response } = await ask('b')
  t.equal(response.headers.get('x-llmux-queue-position'), '1')
  holder.leave()
  const chunks = []
  for await (const chunk of data) chunks.push(chunk)
  t.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'length')
  t.match(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), /engine=b/)
  const again = await hold(gateway)
  await t.rejects(async () => { for await (const chunk of (await ask('c')).data) t.fail(JSON.stringify(chunk)) }, { name: 'Error', code: 'queue_timeout', message: /waited longer than 500 ms/ })
  again.leave()
})

t.test('Retry-After of 429, 503 and 504 is the estimate, unless more is known', async t => {
  const gateway = await start(t, { models: { a: {}, b: { timeouts: { queue: 500 } }, c: { args: ['--mock-fault', 'start=exit@1/10'] } }, maxQueue: 1 })
  const holder = await hold(gateway)
  const waiting = gateway.chat('b', 'x')
  await until('it waits', () => gateway.app.llmux.status().waiting === 1)
  const full = await gateway.chat('b', 'x')
  t.equal(full.status, 429)
  const seconds = Number(full.headers.get('retry-after'))
  t.ok(seconds >= 10 && seconds <= 120, `the switch is thought to take 10 s, and there is a stream to be drained: ${seconds}`)
  t.notOk(full.headers.has('x-llmux-queue-position'), 'it never stood in the queue')
  const late = await waiting
  t.equal(late.status, 504)
  t.match(late.headers.get('retry-after'), /^(1\d|[2-9]\d|1[01]\d|120)$/)
  t.equal(late.headers.get('x-should-retry'), 'false', 'but not by itself: it would stand behind all others')
  t.equal(late.headers.get('x-llmux-queue-position'), '1')
  holder.leave()
  await nobodyServed(gateway)
  await gateway.chat('c', 'x')
  const paused = await gateway.chat('c', 'x')
  t.equal(paused.status, 503)
  t.ok(Number(paused.headers.get('retry-after')) <= 5, 'the pause after a start that failed is known exactly')
})

t.test('pipelined: each has its comments when its turn comes', async t => {
  const gateway = await start(t)
  const holder = await hold(gateway)
  const client = await RawConnection.open(gateway.url)
  for (const name of ['one', 'two']) client.request('POST', path, { body: bodyOf('b', { stream: true, max_tokens: 3, messages: [{ role: 'user', content: `question-${name}.` }] }) })
  await until('both wait', () => gateway.app.llmux.status().waiting === 2)
  await client.sees(': waiting, position 1')
  holder.leave()
  await client.sees('question-two.')
  t.ok(client.text.indexOf('question-one.') < client.text.indexOf('question-two.'))
  t.match(client.text, ': waiting, position 2')
  client.close()
  await nobodyServed(gateway)
})
