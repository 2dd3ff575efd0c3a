import dns from 'node:dns'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, statusOf } from '../helpers/gateway-view.ts'
import { RawConnection } from '../helpers/raw-connection.ts'
import llmux from '../../lib/index.ts'

// app.close(): who waits is told, who is served gets the grace, and no engine is left.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], mock: { 'token-ms': 5 }, ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const path = '/v1/chat/completions'
const endless = { stream: true, max_tokens: 1_000_000 }
const chat = (model: string, more: object = {}) => JSON.stringify({ model, messages: [], ...more })

async function openStream ({ url }: { url: string }, model: string, more: object = {}): Promise<StreamReader> {
  const answer = await request(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: chat(model, { ...endless, ...more }) })
  const reader = new StreamReader(answer)
  await until('the stream has begun', () => reader.text.includes('content'))
  return reader
}

/** The engines have no process left. */
function stopped ({ app }: TestGateway): boolean {
  return app.llmux.status().models.every(({ state, pid }) => state === 'stopped' && pid === undefined)
}

t.test('who waits is refused at once, and a stream that ends in the grace ends whole', async t => {
  const gateway = await start(t)
  const stream = await openStream(gateway, 'a', { max_tokens: 300 })
  const waiters = [gateway.chat('b', '1'), gateway.chat('b', '2')]
  await until('both wait', () => gateway.app.llmux.status().waiting === 2)
  const closed = gateway.app.close()
  for (const answer of await Promise.all(waiters)) {
    t.equal(answer.status, 503)
    t.equal(answer.headers.get('retry-after'), '5')
    t.match(await answer.json(), { error: { type: 'server_error', code: 'LLMUX_ERR_CLOSING' } })
  }
  t.notOk(stream.end, 'while the stream goes on')
  await stream.done
  t.equal(stream.end, 'ended')
  t.ok(stream.sawDone)
  await closed
  t.ok(stopped(gateway))
  t.notOk(gateway.gpu.records().some(({ event, engine }) => event === 'starting' && engine === 'b'), 'the switch was not made any more')
})

t.test('what does not end in the grace is cut, and looks like it', async t => {
  const gateway = await start(t, { timeouts: { grace: 300 } })
  const stream = await openStream(gateway, 'a')
  const whole = gateway.chat('a', 'x', { max_tokens: 1_000_000 })
  const lease = await gateway.app.llmux.acquire('a')
  await until('all run', () => statusOf(gateway, 'a').inFlight === 3)
  await gateway.app.close()
  const answer = await whole
  t.equal(answer.status, 503)
  t.match(await answer.json(), { error: { code: 'LLMUX_ERR_GRACE_TIMEOUT', message: /300 ms/ } })
  await stream.done
  t.equal(stream.end, 'broken')
  t.notOk(stream.text.includes('[DONE]'))
  t.match(JSON.parse(stream.events.at(-1)!.data), { error: { code: 'grace_timeout' } })
  t.match(lease.signal.reason, { code: 'LLMUX_ERR_GRACE_TIMEOUT' })
  t.ok(stopped(gateway))
})

t.test('a stream from fallbackUpstream is cut as well', async t => {
  const upstream = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"content":1}\n\n')
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => { upstream.close(); upstream.closeAllConnections() })
  const gateway = await start(t, { timeouts: { grace: 300 }, fallbackUpstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` })
  const stream = await openStream(gateway, 'gpt-4')
  await gateway.app.close()
  await stream.done
  t.equal(stream.end, 'broken')
  t.match(JSON.parse(stream.events.at(-1)!.data), { error: { code: 'grace_timeout' } })
})

t.test('a server that closes lets go of connections on which nothing happens any more', async t => {
  const gateway = await start(t)
  const silent = await RawConnection.open(gateway.url)
  const streaming = await RawConnection.open(gateway.url)
  streaming.request('POST', path, { body: chat('a', { stream: true, max_tokens: 200 }) })
  await streaming.sees('content')
  const pipelining = await RawConnection.open(gateway.url)
  pipelining.request('POST', path, { body: chat('a', { stream: true, max_tokens: 100 }) }).request('POST', path, { body: chat('a', { max_tokens: 200 }) })
  await until('all run', () => statusOf(gateway, 'a').inFlight === 3)
  const closed = gateway.app.close()
  await silent.over()
  // None of them has asked for it: their connections are to be kept.
  await Promise.all([streaming.over(), pipelining.over()])
  t.match(streaming.text, 'data: [DONE]')
  t.match(pipelining.text, /data: \[DONE\][^]*"finish_reason":"length"/, 'not before both its requests are answered')
  await closed
})

t.test('a server that listens on two addresses gives the grace on both of them', async t => {
  const gpu = makeGpu()
  const app = Fastify()
  t.teardown(async () => {
    await app.close()
    gpu.remove()
  })
  await app.register(llmux, { command: [...mockCommand], closeWithGrace: false, models: { a: { env: gpu.env, args: ['--mock-token-ms', '5'] } } })
  // On many machines `localhost` means two addresses, and then Fastify has two servers. Here on every one.
  const { lookup } = dns
  t.teardown(() => { dns.lookup = lookup })
  const both = ['127.0.0.1', '127.0.0.2'].map(address => ({ address, family: 4 }))
  // Only `localhost`: since Node 24 a server that is to listen on an address looks up all of that address too.
  dns.lookup = ((host: string, options: any, callback: any) => host === 'localhost' && options.all === true ? callback(null, both) : lookup(host, options, callback)) as never
  await app.listen({ port: 0, host: 'localhost' })
  const main = app.server.address() as AddressInfo
  const [other, ...none] = (app.addresses() as AddressInfo[]).filter(({ address }) => address !== main.address)
  t.same(none, [])
  // On the one that Fastify does not wait for.
  const stream = await openStream({ url: `http://${other!.address}:${other!.port}` }, 'a', { max_tokens: 300 })
  const closed = app.close()
  await stream.done
  t.equal(stream.end, 'ended')
  t.ok(stream.sawDone)
  await closed
})

t.test('an engine in the middle of its start, its sleep or its wake is ended', async t => {
  for (const [phase, faults] of [['starting', { start: 'hang' }], ['sleeping', { sleep: 'hang' }], ['waking', { wake: 'hang' }]] as const) {
    const gateway = await start(t)
    gateway.gpu.setFaults('a', faults)
    if (phase !== 'starting') await gateway.chat('a', 'x')
    if (phase === 'waking') await gateway.chat('b', 'x')
    const reached = nextEvent(gateway.app.llmux.events, 'engine', ({ model, to }) => model === 'a' && to === phase)
    const waiter = gateway.chat(phase === 'sleeping' ? 'b' : 'a', 'x')
    await reached
    await gateway.app.close()
    t.equal((await waiter).status, 503, phase)
    t.ok(stopped(gateway), phase)
  }
})

t.test('after the closing has begun, nothing new is begun', async t => {
  const begun = new EventEmitter()
  const gateway = await start(t, { after: app => app.addHook('preClose', async () => { begun.emit('closing') }) })
  const { app } = gateway
  const stream = await openStream(gateway, 'a', { max_tokens: 200 })
  const closing = once(begun, 'closing')
  const closed = app.close()
  await closing
  for (const call of [() => app.llmux.acquire('a'), () => app.llmux.switchTo('b'), () => app.llmux.sleep('a')]) {
    await t.rejects(async () => { await call() }, { code: 'LLMUX_ERR_CLOSING' })
  }
  await stream.done
  t.ok(stream.sawDone)
  await closed
  await app.close()
})

t.test('a server that never listened closes as well', async t => {
  const app = Fastify()
  await app.register(llmux, { models: { a: {} }, closeWithGrace: false })
  await app.close()
  const ready = Fastify()
  await ready.register(llmux, { models: { a: {} }, closeWithGrace: false })
  t.equal((await ready.inject('/v1/models')).statusCode, 200)
  await ready.close()
})

t.test('a lease that nobody gives back does not keep a server from closing', async t => {
  const gateway = await start(t)
  const lease = await gateway.app.llmux.acquire('a')
  await gateway.app.close()
  t.ok(lease.signal.aborted)
  t.ok(stopped(gateway))
})
