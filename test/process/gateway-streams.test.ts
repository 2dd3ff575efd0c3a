import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, nobodyServed, statusOf } from '../helpers/gateway-view.ts'
import { RawConnection } from '../helpers/raw-connection.ts'

// Answers on their way back, and clients that leave before they are there.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], mock: { 'token-ms': 5 }, ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const chat = (model: string, more: object = {}) => JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }], ...more })
const endless = { stream: true, max_tokens: 100_000 }
const path = '/v1/chat/completions'

/** A stream that has begun. */
async function openStream ({ url }: TestGateway, model: string, more: object = endless): Promise<StreamReader & { leave: () => void }> {
  const answer = await request(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: chat(model, { stream: true, ...more }) })
  const reader = new StreamReader(answer)
  await until('the stream has begun', () => reader.text.includes('content'))
  return Object.assign(reader, { leave: () => { answer.body.destroy() } })
}

const recordsOf = ({ gpu }: TestGateway, event: string) => gpu.records().filter(record => record.event === event)

/** The engine has given up so many requests because their clients had left. */
const aborted = (gateway: TestGateway, count: number) => until(`${count} requests are aborted`, () =>
  recordsOf(gateway, 'aborted').filter(({ reason }) => reason === 'client').length === count)

function transitionsOf ({ app }: TestGateway): string[] {
  const seen: string[] = []
  app.llmux.events.on('transition', ({ model, to, evict }) => seen.push(`${to} for ${model}, evicting ${evict}`))
  return seen
}

t.test('a stream arrives while it is still being made, and whole', async t => {
  const gateway = await start(t)
  const reader = await openStream(gateway, 'a', { max_tokens: 200 })
  t.same(recordsOf(gateway, 'finished'), [], 'the first bytes are there before the last are made')
  t.equal(statusOf(gateway, 'a').inFlight, 1)
  await reader.done
  t.equal(reader.end, 'ended')
  t.ok(reader.sawDone)
  t.equal(reader.finishReason, 'length')
  t.equal(reader.chunks.filter(chunk => chunk.choices[0]?.delta.content).length, 200)
  await nobodyServed(gateway)
})

t.test('a client that leaves during a stream ends the engine’s work', async t => {
  const gateway = await start(t)
  const [first, second] = [await openStream(gateway, 'a'), await openStream(gateway, 'a')]
  t.equal(statusOf(gateway, 'a').inFlight, 2)
  first.leave()
  await aborted(gateway, 1)
  await until('it is not counted any more', () => statusOf(gateway, 'a').inFlight === 1)
  t.notOk(second.end, 'the other one goes on')
  second.leave()
  await aborted(gateway, 2)
  await nobodyServed(gateway)
})

t.test('and one that leaves before the first byte', async t => {
  const gateway = await start(t)
  await gateway.chat('a', 'x')
  const client = await RawConnection.open(gateway.url)
  client.request('POST', path, { body: chat('a', { max_tokens: 100_000 }) })
  await until('the engine has it', () => recordsOf(gateway, 'request').length === 2)
  client.close()
  await aborted(gateway, 1)
  await nobodyServed(gateway)
})

t.test('a client that leaves while it waits leaves no trace', async t => {
  const gateway = await start(t)
  const { events } = gateway.app.llmux
  const holder = await openStream(gateway, 'a')
  const transitions = transitionsOf(gateway)
  const client = await RawConnection.open(gateway.url)
  const draining = nextEvent(events, 'transition', ({ to }) => to === 'draining')
  client.request('POST', path, { body: chat('b') })
  await draining
  t.match(gateway.app.llmux.status(), { waiting: 1, waitingBytes: chat('b').length, transitions: [{ phase: 'draining', wake: 'b', evict: ['a'] }] })
  const left = nextEvent(events, 'request', ({ to }) => to === 'left')
  client.close()
  t.match(await left, { model: 'b', from: 'queued' })
  t.match(gateway.app.llmux.status(), { waiting: 0, waitingBytes: 0, transitions: [] })
  t.equal(transitions.at(-1), 'idle for b, evicting a')
  const next = await openStream(gateway, 'a')
  t.notOk(holder.end, 'nobody was disturbed')
  for (const reader of [holder, next]) reader.leave()
  await nobodyServed(gateway)
  t.equal(statusOf(gateway, 'b').state, 'stopped', 'and the other model was never started')
  t.same(recordsOf(gateway, 'slept'), [])
})

t.test('a storm of clients that come and leave leaves nothing behind', async t => {
  const gateway = await start(t, { models: { a: { maxConcurrency: 4 }, b: {} }, mock: { 'token-ms': 1 } })
  const storm = Array.from({ length: 60 }, async (_, index) => {
    const controller = new AbortController()
    const answer = gateway.chat(index % 3 === 0 ? 'b' : 'a', `${index}`, { stream: index % 2 === 0, max_tokens: 50 }, { signal: controller.signal })
    setTimeout(() => controller.abort(), (index * 37) % 400)
    return await answer.then(answer => answer.text()).then(() => 'served', error => error.name)
  })
  const outcomes = new Set(await Promise.all(storm))
  t.same([...outcomes].filter(outcome => !['served', 'AbortError'].includes(outcome)), [])
  await nobodyServed(gateway)
  for (const model of ['a', 'b']) t.match(await (await gateway.chat(model, 'after')).json(), { choices: [{ message: { content: new RegExp(`engine=${model}`) } }] })
  const worked = recordsOf(gateway, 'request').length
  await until('every request that reached an engine has an end', () => ['finished', 'aborted'].flatMap(event => recordsOf(gateway, event)).length === worked)
  t.notOk(gateway.gpu.records().some(({ state }) => state === 'asleep' || state === 'paused'), 'none was sent to a sleeper')
})

/** Somebody else's server that sends as much as it is let: to see how far the gateway reads ahead. */
async function startSource (t: Test, bytes: number) {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const source = { written: 0, origin: '' }
  const fill = async (response: ServerResponse) => {
    while (source.written < bytes && !response.destroyed) {
      source.written += chunk.length
      if (!response.write(chunk)) await once(response, 'drain')
    }
    response.end()
  }
  const server = createServer((request, response) => {
    request.resume()
    fill(response).catch(() => {}) // the client has left, which is not what is tested
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  source.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return source
}

t.test('a reader that does not read holds the sender back', async t => {
  const total = 64 * 1024 ** 2
  const source = await startSource(t, total)
  const gateway = await start(t, { fallbackUpstream: source.origin })
  const client = await RawConnection.open(gateway.url)
  client.socket.pause()
  client.request('POST', path, { body: chat('other'), headers: ['connection: close'] })
  let [last, same] = [-1, 0]
  await until('the sender stands still', async () => {
    same = source.written === last && last > 0 ? same + 1 : 0
    last = source.written
    return same > 30
  }, 30_000)
  t.ok(last < total / 2, `it was let send ${last} bytes of ${total}`)
  let received = 0
  client.socket.removeAllListeners('data')
  client.socket.on('data', chunk => { received += chunk.length })
  client.socket.resume()
  await once(client.socket, 'close')
  t.ok(received > total, 'and then all of it arrives, and the connection is closed as the client has asked')
})

t.test('a reader that does not read does not keep the engine from others', async t => {
  const gateway = await start(t, { mock: { 'token-ms': 0 } })
  const client = await RawConnection.open(gateway.url)
  client.socket.pause()
  // Some 700 kB: what the gateway is willing to hold for it.
  client.request('POST', path, { body: chat('a', { stream: true, max_tokens: 3_500 }), headers: ['connection: close'] })
  await until('the engine has sent all of it', () => recordsOf(gateway, 'finished').length === 1)
  await nobodyServed(gateway)
  t.match(await (await gateway.chat('b', 'x')).json(), { choices: [{ message: { content: /engine=b/ } }] }, 'another model has the GPU meanwhile')
  t.equal(statusOf(gateway, 'a').state, 'asleep')
  client.socket.resume()
  await client.over()
  t.match(client.text, 'data: [DONE]')
  t.ok(client.text.length > 500_000)
})

t.test('pipelined requests are answered in their order', async t => {
  const gateway = await start(t, { mock: { 'token-ms': 0 } })
  const warnings: Error[] = []
  const onWarning = (warning: Error) => { warnings.push(warning) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const client = await RawConnection.open(gateway.url)
  for (let index = 0; index < 20; index++) client.request('POST', path, { body: chat(index % 2 === 0 ? 'a' : 'b', { messages: [{ role: 'user', content: `question-${index}.` }], stream: index % 3 === 0, max_tokens: 3 }) })
  await client.sees('question-19.')
  t.same([...client.text.matchAll(/question-(\d+)\./g)].map(match => Number(match[1])), Array.from({ length: 20 }, (_, index) => index))
  t.same(warnings, [])
  client.close()
  await nobodyServed(gateway)
})

t.test('a client that leaves takes all its pipelined requests with it', async t => {
  const gateway = await start(t)
  await gateway.chat('a', 'x')
  const client = await RawConnection.open(gateway.url)
  client.request('POST', path, { body: chat('a', endless) }).request('POST', path, { body: chat('a', endless) })
  await until('the engine has both', () => recordsOf(gateway, 'request').length === 3)
  client.request('POST', path, { body: chat('b') })
  await until('the third one waits', () => gateway.app.llmux.status().waiting === 1)
  const phases: string[] = []
  gateway.app.llmux.events.on('transition', ({ to }) => phases.push(to))
  client.close()
  await aborted(gateway, 2)
  await nobodyServed(gateway)
  t.same(phases, ['idle'], 'the drain for the third one is undone: nobody is put to sleep')
  t.equal(statusOf(gateway, 'b').state, 'stopped')
})

t.test('a client that ends its half of the connection counts as gone, as Node has it', async t => {
  const gateway = await start(t)
  const client = await RawConnection.open(gateway.url, { allowHalfOpen: true })
  client.request('POST', path, { body: chat('a', endless) })
  await client.sees('content')
  client.socket.end()
  await aborted(gateway, 1)
  await nobodyServed(gateway)
  client.close()
})

t.test('forgets a client that leaves while it sends its body', async t => {
  const gateway = await start(t)
  const client = await RawConnection.open(gateway.url)
  client.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"model":"a"`)
  const [socket] = await once(gateway.app.server, 'request').then(([incoming]) => [incoming.socket])
  client.close()
  await until('the server has seen it', () => socket.destroyed)
  await nobodyServed(gateway)
  t.equal(statusOf(gateway, 'a').state, 'stopped')
})
