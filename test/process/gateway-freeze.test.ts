import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, nobodyServed, statusOf } from '../helpers/gateway-view.ts'

// Requests that are frozen in the midst of their answer, as their clients see it.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], mock: { 'token-ms': 5 }, ...options })
  t.teardown(() => gateway.close())
  await gateway.app.llmux.switchTo('b')
  await gateway.app.llmux.switchTo('a')
  return gateway
}

const tokens = 200
const message = { messages: [{ role: 'user', content: 'x' }], max_tokens: tokens }
/** What is asked of each route. */
const bodies: Record<string, object> = {
  '/v1/chat/completions': { ...message, n: 2 },
  '/v1/completions': { prompt: 'x', max_tokens: tokens },
  '/v1/messages': message,
  '/v1/responses': { input: 'x', max_output_tokens: tokens }
}

async function open ({ url }: TestGateway, path: string, body: object): Promise<StreamReader & { leave: () => void, status: number }> {
  const answer = await request(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'a', stream: true, ...body }) })
  return Object.assign(new StreamReader(answer), { status: answer.statusCode, leave: () => { answer.body.destroy() } })
}

/** A long chat stream of model a that has begun. */
async function streaming (gateway: TestGateway, more: object = {}) {
  const reader = await open(gateway, '/v1/chat/completions', { ...message, ...more })
  await until('the stream has begun', () => reader.text.includes('content'))
  return reader
}

/** Model b is awake instead, and stays so until `thaw`. */
async function freeze ({ app }: TestGateway, count: number) {
  app.llmux.pause({ what: 'switching' })
  await app.llmux.switchTo('b')
  t.equal(statusOf({ app }, 'a').frozen, count)
  t.equal(statusOf({ app }, 'a').inFlight, 0)
}

const thaw = ({ app }: TestGateway) => app.llmux.resume()

const comments = ({ text }: { text: string }) => text.split('\n').filter(line => line.startsWith(':'))
/** Without our comments, and without what differs between two answers to the same question. */
const plain = (text: string) => text.replace(/^:.*\n\n/gm, '').replace(/"(id|item_id|created|created_at|completed_at)":("[^"]*"|[\d.]+)/g, '').replace(/#\d+/g, '')

for (const sleepLevel of [1, 2] as const) {
  t.test(`at level ${sleepLevel}: streams and plain answers of all dialects, frozen twice, are those of an engine left alone`, async t => {
    const gateway = await start(t, { models: { a: { sleepLevel }, b: {} } })
    const ask = () => Promise.all(Object.entries(bodies).flatMap(([path, body]) => [
      open(gateway, path, body).then(async reader => { await reader.done; return reader.text }),
      gateway.post(path, { model: 'a', ...body }).then(async answer => await answer.text())
    ]))
    const undisturbed = await ask()
    const disturbed = ask()
    const frozen: number[] = []
    gateway.app.llmux.events.on('transition', change => { if (change.frozen !== undefined) frozen.push(change.frozen) })
    for (let round = 0; round < 2; round++) {
      await until('all are in flight', () => statusOf(gateway, 'a').inFlight === 8)
      await freeze(gateway, 8)
      thaw(gateway)
    }
    t.same((await disturbed).map(plain), undisturbed.map(plain))
    t.same(frozen.slice(0, 2), [8, 8])
    await nobodyServed(gateway)
  })
}

t.test('with a heartbeat, a client learns of the pause between two events', async t => {
  const gateway = await start(t, { heartbeat: 100 })
  const reader = await streaming(gateway)
  await freeze(gateway, 1)
  const before = reader.text.length
  await until('it has been told', () => comments(reader).length >= 3)
  t.ok(comments(reader).every(line => /^: paused, about \d+ s$/.test(line)), reader.text.slice(before))
  thaw(gateway)
  await reader.done
  t.match({ end: reader.end, done: reader.sawDone, reason: reader.finishReason }, { end: 'ended', done: true, reason: 'length' })
  t.equal(plain(reader.text).split('\n\n').length, plain((await streaming(gateway).then(async other => { await other.done; return other })).text).split('\n\n').length)
})

t.test('also before the first event', async t => {
  const gateway = await start(t, { heartbeat: 100, mock: { 'token-ms': 5, 'prompt-ms': 500 } })
  const opened = open(gateway, '/v1/chat/completions', message)
  await until('it is with the engine', () => statusOf(gateway, 'a').inFlight === 1)
  await freeze(gateway, 1)
  const reader = await opened
  await until('it has been told', () => comments(reader).length >= 2)
  thaw(gateway)
  await reader.done
  t.match({ end: reader.end, done: reader.sawDone, reason: reader.finishReason }, { end: 'ended', done: true, reason: 'length' })
})

t.test('a client that leaves while it is frozen leaves no trace', async t => {
  const gateway = await start(t)
  const reader = await streaming(gateway)
  await freeze(gateway, 1)
  reader.leave()
  await nobodyServed(gateway)
  t.equal(statusOf(gateway, 'a').frozen, 0)
  t.equal(gateway.app.llmux.status().waiting, 0)
  thaw(gateway)
  t.equal((await gateway.chat('a', 'x', { max_tokens: 2 })).status, 200)
})

t.test('an engine that dies with frozen requests: who has had a byte is told, who has not is answered by the next one', async t => {
  const gateway = await start(t)
  const reader = await streaming(gateway)
  const whole = gateway.chat('a', 'x', { max_tokens: tokens })
  await until('both are in flight', () => statusOf(gateway, 'a').inFlight === 2)
  await freeze(gateway, 2)
  process.kill(-statusOf(gateway, 'a').pid!, 'SIGKILL')
  await reader.done
  t.equal(reader.end, 'broken')
  t.match(JSON.parse(reader.events.at(-1)!.data), { error: { code: 'engine_died' } })
  thaw(gateway)
  const answer = await whole
  t.equal(answer.status, 200)
  t.match(await answer.json(), { choices: [{ finish_reason: 'length' }] })
  await nobodyServed(gateway)
})

t.test('an engine that does not wake is started afresh, with the same for those it held', async t => {
  const gateway = await start(t)
  const reader = await streaming(gateway)
  const whole = gateway.chat('a', 'x', { max_tokens: tokens })
  await until('both are in flight', () => statusOf(gateway, 'a').inFlight === 2)
  const lease = await gateway.app.llmux.acquire('a')
  await lease.fetch('/mock/faults', { method: 'POST', body: '{"wake":"crash"}' })
  lease.release()
  await freeze(gateway, 2)
  thaw(gateway)
  await reader.done
  t.equal(reader.end, 'broken')
  t.match(JSON.parse(reader.events.at(-1)!.data), { error: { code: 'engine_died' } })
  t.equal((await whole).status, 200)
  await nobodyServed(gateway)
})

t.test('a server that closes tells them at once', async t => {
  const gateway = await start(t, { timeouts: { grace: 60_000 } })
  const reader = await streaming(gateway)
  await freeze(gateway, 1)
  const closed = gateway.app.close()
  await reader.done
  t.match(JSON.parse(reader.events.at(-1)!.data), { error: { code: 'closing' } })
  await closed
})

t.test('a lease of the host\'s is frozen, says so, and calls its engine when it is awake again', async t => {
  const gateway = await start(t)
  const lease = await gateway.app.llmux.acquire('a')
  const told: string[] = []
  lease.on('frozen', () => told.push('frozen')).on('thawed', () => told.push('thawed'))
  await freeze(gateway, 1)
  t.equal(lease.frozen, true)
  const answer = lease.fetch('/v1/models')
  thaw(gateway)
  t.equal((await answer).status, 200)
  t.same(told, ['frozen', 'thawed'])
  t.equal(lease.frozen, false)
  lease.release()
})

t.test('waits for a lease with `freezable: false`', async t => {
  const gateway = await start(t)
  const lease = await gateway.app.llmux.acquire('a', { freezable: false })
  const answer = gateway.chat('b', 'x', { max_tokens: 2 })
  await nextEvent(gateway.app.llmux.events, 'transition', ({ to }) => to === 'draining')
  t.equal(lease.frozen, false)
  lease.release()
  t.equal((await answer).status, 200)
})

t.test('reports an engine that is too old, and waits for its requests', async t => {
  const codes: string[] = []
  const gateway = await start(t, {
    mock: { 'token-ms': 5, version: '0.16.0' },
    // Of its engines: on a busy machine the memory command may be late.
    after: app => { app.llmux.events.on('warning', ({ error }) => { if ('code' in error && String(error.code).includes('FREEZE')) codes.push(String(error.code)) }) }
  })
  t.same(codes, ['LLMUX_ERR_FREEZE_UNSUPPORTED', 'LLMUX_ERR_FREEZE_UNSUPPORTED'])
  const reader = await streaming(gateway)
  const switched = gateway.app.llmux.switchTo('b')
  await reader.done
  t.equal(reader.finishReason, 'length')
  await switched
})

t.test('the policy freezes by itself: nobody waits for a long answer of another model', async t => {
  const gateway = await start(t, { policy: 'even-handed', mock: { 'token-ms': 10 } })
  // What a switch costs is known from then on.
  await gateway.app.llmux.switchTo('b')
  await gateway.app.llmux.switchTo('a')
  const reader = await streaming(gateway, { max_tokens: 500 })
  const answer = await gateway.chat('b', 'x', { max_tokens: 2 })
  t.equal(answer.status, 200)
  t.equal(reader.end, undefined)
  await reader.done
  t.match({ end: reader.end, done: reader.sawDone, reason: reader.finishReason }, { end: 'ended', done: true, reason: 'length' })
  await nobodyServed(gateway)
})

const urgent = { headers: { 'x-llmux-priority': '5' } }
const batch = { headers: { 'x-llmux-priority': '-1' } }

/** A stream of model a with that priority, and its text as it comes. */
async function prioritized (gateway: TestGateway, { headers }: { headers: Record<string, string> }, tokens: number) {
  const answer = await request(`${gateway.url}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model: 'a', stream: true, ...message, max_tokens: tokens })
  })
  const reader = new StreamReader(answer)
  await until('the stream has begun', () => reader.text.includes('content'))
  return reader
}

t.test('an urgent request freezes a batch stream of another model, and comes before an earlier batch request', async t => {
  const gateway = await start(t, { models: ['a', 'b', 'c'], policy: 'even-handed', priority: true, mock: { 'token-ms': 10 } })
  const { app } = gateway
  // What each switch costs is known from then on.
  for (const name of ['c', 'b', 'a', 'c', 'b', 'a']) await app.llmux.switchTo(name)
  const undisturbed = await prioritized(gateway, batch, 300)
  await undisturbed.done
  const granted: string[] = []
  const freezing: string[] = []
  app.llmux.events.on('request', ({ model, from, to }) => { if (from === 'queued' && to === 'granted') granted.push(model) })
  app.llmux.events.on('transition', ({ wake, to, frozen }) => { if (to === 'idle' && frozen !== undefined) freezing.push(String(wake)) })
  const reader = await prioritized(gateway, batch, 300)
  const patient = gateway.chat('c', 'x', { max_tokens: 2 }, batch)
  await until('the batch request waits', () => statusOf(gateway, 'c').waiting === 1)
  const answer = await gateway.chat('b', 'x', { max_tokens: 2 }, urgent)
  t.equal(answer.status, 200)
  t.equal(reader.end, undefined, 'while the stream is not over')
  t.same(granted, ['b'])
  t.same(freezing, ['b'])
  t.equal((await patient).status, 200)
  await reader.done
  t.match({ end: reader.end, done: reader.sawDone, reason: reader.finishReason }, { end: 'ended', done: true, reason: 'length' })
  t.equal(plain(reader.text), plain(undisturbed.text), 'with the same text')
  t.same(granted.slice(0, 2), ['b', 'c'])
  await nobodyServed(gateway)
})
