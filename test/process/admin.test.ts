import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import admin from '../../lib/admin/index.ts'
import type { AdminOptions } from '../../lib/admin/index.ts'
import health from '../../lib/health/index.ts'
import { until } from '../helpers/engine-process.ts'
import { parseEvents } from '../helpers/event-stream.ts'
import { startGateway } from '../helpers/gateway.ts'

// The routes for operators and for those who look after the server, in front of mock engines.

const key = 'sk-admin-71c2'
const slashed = 'org/model-7b'

async function start (t: Test, options: Partial<AdminOptions> = {}, models: string[] | Record<string, object> = { [slashed]: { aliases: ['short'] }, b: {} }) {
  const gateway = await startGateway({
    models,
    async after (app: FastifyInstance) {
      await app.register(admin, { prefix: '/ops', guard: key, ...options })
      await app.register(health, { prefix: '/health' })
    }
  })
  t.teardown(() => gateway.close())
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => fetch(gateway.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) })
  })
  const json = async (method: string, path: string, body?: unknown): Promise<{ status: number, body: any }> => {
    const answer = await call(method, path, body)
    return { status: answer.status, body: await answer.json() }
  }
  const states = () => Object.fromEntries(gateway.app.llmux.status().models.map(({ name, state }) => [name, state]))
  return { ...gateway, call, json, states }
}

/** Reads an answer that goes on, as it comes. */
function read (answer: Response) {
  const reading = { text: '', ended: false, done: Promise.resolve() }
  reading.done = (async () => {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) reading.text += chunk
    reading.ended = true
  })()
  return reading
}

t.test('the guard must be given, and options be right', async t => {
  const register = (options: object) => start(t, { guard: undefined, ...options } as never)
  const cases: Array<[object, RegExp]> = [
    [{}, /option guard must be a preHandler, a key without spaces, or false/],
    [{ guard: '' }, /option guard/],
    [{ guard: 'two words' }, /option guard/],
    [{ guard: true }, /option guard/],
    [{ guard: key, gaurd: key }, /option gaurd is unknown/],
    [{ guard: key, journal: -1 }, /option journal/],
    [{ guard: key, registry: {} }, /option registry/]
  ]
  for (const [options, message] of cases) await t.rejects(register(options), { code: 'LLMUX_ERR_OPTIONS', message })
  await t.rejects(async () => await Fastify().register(admin, { guard: false }), /fastify-llmux/, 'nor does it go without llmux')
})

t.test('whoever the guard refuses causes nothing, and learns nothing', async t => {
  const { call, states, app } = await start(t)
  for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${key}`, key, `Bearer ${key} more`]) {
    for (const [method, path] of [['GET', 'status'], ['GET', 'events'], ['GET', `models/${slashed}/logs`], ['GET', 'metrics'], ['POST', `models/${slashed}/switch?wait=true`], ['POST', 'models/nobody/nothing'], ['POST', 'pin'], ['POST', 'pause'], ['POST', 'resume'], ['GET', 'operations/1']] as const) {
      const answer = await call(method, `/ops/${path}`, method === 'POST' ? { what: 'traffic', model: 'b' } : undefined, { authorization })
      t.equal(answer.status, 401, `${method} ${path} with ${authorization}`)
      t.match(await answer.json(), { error: { code: 'LLMUX_ERR_UNAUTHORIZED', type: 'invalid_request_error' } })
    }
  }
  t.same(states(), { [slashed]: 'stopped', b: 'stopped' })
  t.match(app.llmux.status(), { pinned: [], paused: undefined })
  t.equal((await call('GET', '/ops/status', undefined, { authorization: `bearer  ${key} ` })).status, 200)
})

t.test('in a scope whose own hooks read Authorization the key has a header of its own, and errors of hooks go to the host’s error handler', async t => {
  const gateway = await startGateway({
    models: ['a'],
    async after (app: FastifyInstance) {
      app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => reply.code(error.statusCode ?? 500).send({ team: error.message }))
      await app.register(async scope => {
        // As @fastify/jwt does: its errors have codes that begin with FST_.
        scope.addHook('onRequest', async request => {
          if (request.headers.authorization !== 'Bearer a-token') throw Object.assign(new Error('no token'), { statusCode: 401, code: 'FST_JWT_NO_AUTHORIZATION_IN_HEADER' })
        })
        await scope.register(admin, { prefix: '/ops', guard: key })
      })
    }
  })
  t.teardown(() => gateway.close())
  const token = { authorization: 'Bearer a-token' }
  const call = async (headers: Record<string, string>, body = '{}') => {
    const answer = await fetch(`${gateway.url}/ops/pause`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
    return [answer.status, await answer.json()] as const
  }
  t.match(await call({}), [401, { team: 'no token' }])
  t.match(await call({ 'x-llmux-key': key }), [401, { team: 'no token' }])
  t.match(await call(token), [401, { error: { code: 'LLMUX_ERR_UNAUTHORIZED' } }])
  t.match(await call({ ...token, 'x-llmux-key': 'wrong' }), [401, { error: { code: 'LLMUX_ERR_UNAUTHORIZED' } }])
  t.match(await call({ ...token, 'x-llmux-key': key }, '{'), [400, { error: { type: 'invalid_request_error' } }])
  t.match(await call({ ...token, 'x-llmux-key': key, 'sec-fetch-site': 'cross-site' }, JSON.stringify({ what: 'switching' })), [200, { paused: 'switching' }])
})

t.test('a guard of the host’s own, with a callback or a promise, sees all requests first', async t => {
  const refuse = { statusCode: 403, error: 'Forbidden' }
  const callback = await start(t, { guard: (request, reply, done) => { if (request.headers['x-team'] === 'ops') done(); else reply.code(403).send(refuse) } })
  t.equal((await callback.json('POST', '/ops/pin', { nonsense: true })).status, 403, 'before the request is looked at')
  t.equal((await callback.call('GET', '/ops/status', undefined, { 'x-team': 'ops' })).status, 200)
  const promise = await start(t, { guard: async () => { throw Object.assign(new Error('no'), { statusCode: 418 }) } })
  t.equal((await promise.json('POST', '/ops/models/b/switch?wait=true')).status, 418)
  t.same(promise.states(), { [slashed]: 'stopped', b: 'stopped' })
  const open = await start(t, { guard: false })
  t.equal((await fetch(`${open.url}/ops/status`)).status, 200)
})

t.test('models are switched to, put to sleep, stopped and restarted', async t => {
  const { json, call, states, app } = await start(t)
  const begun = await call('POST', `/ops/models/${slashed}/switch`)
  t.equal(begun.status, 202)
  const causes = new Set<unknown>()
  app.llmux.events.on('transition', ({ request }) => causes.add(request))
  t.match(await begun.json(), { operation: { id: '1', action: 'switch', model: slashed, state: 'running', since: Number } })
  const operation = begun.headers.get('location')!
  t.equal(operation, '/ops/operations/1')
  await until('the switch is done', async () => (await json('GET', operation)).body.operation.state === 'done')
  t.same(states(), { [slashed]: 'awake', b: 'stopped' })
  t.match([...causes], [/^req-/], 'events tell which request has asked for it')

  const waited = async (path: string, body?: object) => {
    const answer = await json('POST', `/ops/models/${path}?wait=true`, body)
    t.match(answer, { status: 200, body: { operation: { state: 'done', until: Number } } }, path)
  }
  await waited('b/switch')
  t.same(states(), { [slashed]: 'asleep', b: 'awake' })
  await waited('b/sleep', { level: 2 })
  t.match(app.llmux.status().models[1], { state: 'asleep', level: 2 })
  await waited('short/switch')
  const { pid } = app.llmux.status().models[0]!
  await waited('org%2Fmodel-7b/restart', {})
  t.match(app.llmux.status().models[0], { state: 'awake' })
  t.not(app.llmux.status().models[0]!.pid, pid)
  await waited(`${slashed}/stop`)
  t.same(states(), { [slashed]: 'stopped', b: 'asleep' })
})

t.test('what cannot be done is told in the shape of OpenAI’s errors', async t => {
  const { json, states } = await start(t, {}, { a: {}, broken: { args: ['--mock-fault', 'start=exit@3/10'] } })
  const cases: Array<[method: string, path: string, body: unknown, status: number, code: string, message: RegExp]> = [
    ['POST', 'models/nobody/switch', undefined, 404, 'LLMUX_ERR_MODEL_NOT_FOUND', /nobody/],
    ['GET', 'models/nobody/logs', undefined, 404, 'LLMUX_ERR_MODEL_NOT_FOUND', /nobody/],
    ['POST', 'models/a/explode', undefined, 400, 'LLMUX_ERR_ADMIN_REQUEST', /params \* must match pattern/],
    ['POST', 'models/switch', undefined, 400, 'LLMUX_ERR_ADMIN_REQUEST', /params/],
    ['POST', 'models/a/sleep', { level: '2' }, 400, 'LLMUX_ERR_ADMIN_REQUEST', /body level must be integer/],
    ['POST', 'models/a/sleep', { level: 4 }, 400, 'LLMUX_ERR_ADMIN_REQUEST', /body level must be equal to one of the allowed values: 1, 2, 3/],
    ['POST', 'models/a/sleep', { lvl: 1 }, 400, 'LLMUX_ERR_ADMIN_REQUEST', /additional properties: lvl/],
    ['POST', 'models/a/switch', { level: 1 }, 400, 'LLMUX_ERR_ADMIN_REQUEST', /level makes no sense with switch/],
    ['POST', 'models/a/sleep?wait=yes', undefined, 400, 'LLMUX_ERR_ADMIN_REQUEST', /querystring wait/],
    ['POST', 'models/a/sleep?level=2', undefined, 400, 'LLMUX_ERR_ADMIN_REQUEST', /additional properties: level/],
    ['GET', 'models/a/logs?lines=0', undefined, 400, 'LLMUX_ERR_ADMIN_REQUEST', /querystring lines/],
    ['GET', 'status?verbose=1', undefined, 400, 'LLMUX_ERR_ADMIN_REQUEST', /additional properties: verbose/],
    ['POST', 'pin', undefined, 400, 'LLMUX_ERR_ADMIN_REQUEST', /body must be object/],
    ['POST', 'pin', {}, 400, 'LLMUX_ERR_ADMIN_REQUEST', /required property 'model'/],
    ['POST', 'pin', { model: 'nobody' }, 404, 'LLMUX_ERR_MODEL_NOT_FOUND', /nobody/],
    ['POST', 'pause', { what: 'all' }, 400, 'LLMUX_ERR_ADMIN_REQUEST', /"switching", "traffic"/],
    ['POST', 'resume', { now: true }, 400, 'LLMUX_ERR_ADMIN_REQUEST', /additional properties: now/],
    ['POST', 'pin', '{', 400, 'FST_ERR_CTP_INVALID_JSON_BODY', /JSON/],
    ['GET', 'operations/77', undefined, 404, 'LLMUX_ERR_OPERATION_NOT_FOUND', /77/],
    ['GET', 'metrics', undefined, 404, 'LLMUX_ERR_NO_METRICS', /registry/]
  ]
  for (const [method, path, body, status, code, message] of cases) {
    t.match(await json(method, `/ops/${path}`, body), { status, body: { error: { code, message, type: 'invalid_request_error' } } }, `${method} ${path} ${JSON.stringify(body)}`)
  }
  t.same(states(), { a: 'stopped', broken: 'stopped' })
  t.match(await json('POST', '/ops/models/broken/switch?wait=true'), { status: 503, body: { error: { code: 'LLMUX_ERR_PROCESS_DIED', type: 'server_error' } } })
  t.match(await json('GET', '/ops/operations/1'), { body: { operation: { state: 'failed', error: { code: 'LLMUX_ERR_PROCESS_DIED' } } } })
})

t.test('pin and pause hold until they are taken back', async t => {
  const { json, chat, app } = await start(t)
  await app.llmux.switchTo('b')
  t.match(await json('POST', '/ops/pin', { model: 'b' }), { status: 200, body: { pinned: ['b'] } })
  const refused = await chat('short', 'x')
  t.equal(refused.status, 503)
  t.match(await refused.json(), { error: { code: 'LLMUX_ERR_NO_ROOM', message: /beside `b`/ } })
  t.equal((await chat('b', 'x')).status, 200)
  t.match(await json('POST', '/ops/unpin'), { status: 200, body: { pinned: [] } })
  t.equal((await chat('short', 'x')).status, 200)

  t.match((await json('POST', '/ops/pause', { what: 'traffic' })).body, { paused: 'traffic' })
  const held = chat('short', 'x')
  await until('it waits', () => app.llmux.status().waiting === 1)
  t.equal((await json('GET', '/health/ready')).status, 503)
  t.equal((await json('POST', '/ops/resume', {})).body.paused, undefined)
  t.equal((await held).status, 200)
})

t.test('the status is that of llmux', async t => {
  const { json, app } = await start(t)
  await app.llmux.switchTo('b')
  const { status, body } = await json('GET', '/ops/status')
  t.equal(status, 200)
  t.same(body, JSON.parse(JSON.stringify(app.llmux.status())))
})

t.test('sends events as they happen, and repeats missed ones to readers that reconnect', async t => {
  const { call, app, close } = await start(t, { journal: 20 })
  const first = await call('GET', '/ops/events')
  t.match(first.headers.get('content-type'), 'text/event-stream')
  const reading = read(first)
  await app.llmux.switchTo('b')
  await until('the switch has been told', () => /event: transition\ndata: .*"to":"idle"/.test(reading.text))
  const events = reading.text.split('\n\n').filter(block => block.startsWith('id: '))
  t.ok(events.length >= 4)

  const idOf = (block: string) => /^id: (\S+)/.exec(block)![1]!
  const again = read(await call('GET', '/ops/events', undefined, { 'last-event-id': idOf(events[1]!) }))
  await until('all since then is there', () => again.text.includes(idOf(events.at(-1)!)))
  t.same(again.text.split('\n\n').filter(block => block.startsWith('id: ')), events.slice(2))

  const stranger = read(await call('GET', '/ops/events', undefined, { 'last-event-id': 'another-run-5' }))
  await until('it has heard of the gap', () => parseEvents(stranger.text).some(({ event }) => event === 'gap'))
  for (let i = 0; i < 15; i++) {
    app.llmux.pin('b')
    app.llmux.unpin()
  }
  const late = read(await call('GET', '/ops/events', undefined, { 'last-event-id': idOf(events[0]!) }))
  await until('what is kept is there', () => parseEvents(late.text).filter(({ event }) => event === 'control').length === 20)
  t.match(late.text, /event: gap/)

  await close()
  await Promise.all([reading, again, stranger, late].map(({ done }) => done))
  t.ok(reading.ended, 'the end is a clean one, and the server was not kept from closing')
})

t.test('drops a reader that does not read, without harm to others', async t => {
  const { call, app, url } = await start(t)
  const alive = read(await call('GET', '/ops/events'))
  // Seen from the server: whoever does not read does not hear of the end either.
  const connected = once(app.server, 'connection')
  const silent = connect(Number(new URL(url).port), '127.0.0.1')
  t.teardown(() => silent.destroy())
  silent.pause()
  const [socket] = await connected as [Socket]
  let dropped = false
  socket.once('close', () => { dropped = true })
  silent.write(`GET /ops/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n\r\n`)
  await until('the request is there', () => socket.bytesWritten > 0)
  const long = new Error('x'.repeat(100_000))
  let told = 0
  await until('the silent one is dropped', () => {
    app.llmux.events.emit('warning', { time: 0, model: undefined, error: long })
    told++
    return dropped
  }, 30_000)
  await until('the other has all', () => alive.text.length > told * 100_000)
})

t.test('logs are the last lines of an engine, and new lines', async t => {
  const { call, app } = await start(t)
  t.equal(await (await call('GET', `/ops/models/${slashed}/logs`)).text(), '')
  await app.llmux.switchTo('short')
  const all = await (await call('GET', '/ops/models/short/logs?lines=1000')).text()
  t.match(all, /vLLM|INFO/)
  const last = await (await call('GET', `/ops/models/${slashed}/logs?lines=2`)).text()
  t.equal(last.trimEnd().split('\n').length, 2)
  const following = read(await call('GET', `/ops/models/${slashed}/logs?lines=2&follow=true`))
  await until('the last lines are there', () => following.text.startsWith(last))
  await app.llmux.sleep('short')
  await until('new ones come', () => following.text.length > last.length)
  await app.close()
  await following.done
  t.ok(following.ended)
})

t.test('metrics come from the registry that the host gives', async t => {
  const registry = { contentType: 'text/plain; version=0.0.4; charset=utf-8', metrics: async () => 'up 1\n' }
  const { call } = await start(t, { registry })
  const answer = await call('GET', '/ops/metrics')
  t.equal(answer.headers.get('content-type'), registry.contentType)
  t.equal(await answer.text(), 'up 1\n')
})

t.test('ready means that some model can be served', async t => {
  const broken = { args: ['--mock-fault', 'start=exit@3/10'] }
  const { json, app } = await start(t, {}, { a: {}, broken })
  const ready = async () => (await json('GET', '/health/ready')).status
  t.equal(await ready(), 200, 'nothing is started, but can be')
  await t.rejects(app.llmux.switchTo('broken'))
  t.equal(await ready(), 200, 'one of two is enough')
  t.equal((await json('GET', '/health/live')).status, 200)

  const alone = await start(t, {}, { broken })
  await t.rejects(alone.app.llmux.switchTo('broken'))
  t.match(await alone.json('GET', '/health/ready'), { status: 503, body: { status: 'not ready', reason: /died/ } })
  t.equal((await alone.json('GET', '/health/live')).status, 200, 'restarting the server would not help')
  const closing = app.close()
  await until('it is not ready', () => app.llmux.readiness().reason === 'the server is closing')
  await closing
})

t.test('a model is disabled and enabled', async t => {
  const { json, chat, states } = await start(t)
  t.match(await json('POST', `/ops/models/${slashed}/disable`), { status: 200, body: { disabled: [slashed] } })
  const refused = await chat('short', 'hi')
  t.equal(refused.status, 503)
  t.equal(refused.headers.get('x-should-retry'), 'false')
  t.match(await refused.json(), { error: { code: 'LLMUX_ERR_MODEL_DISABLED' } })
  t.match(await json('POST', `/ops/models/${slashed}/switch?wait=true`), { status: 503, body: { error: { code: 'LLMUX_ERR_MODEL_DISABLED' } } })
  t.equal(states()[slashed], 'stopped')
  t.match(await json('POST', '/ops/models/short/enable'), { status: 200, body: { disabled: [] } })
  t.equal((await chat('short', 'hi')).status, 200)
})

t.test('who waits and who is in flight is listed, what was is told, and a request is ended', async t => {
  const { json, chat, call } = await start(t, {}, { a: {}, b: {} })
  const stuck = await chat('a', 'hi', { stream: true, max_tokens: 100_000 }, { headers: { 'x-mock-token-ms': '20' } })
  const waiting = chat('b', 'hi')
  const listed = await until('one waits and one is in flight', async () => {
    const { body } = await json('GET', '/ops/requests')
    return body.waiting.length === 1 && body.inFlight[0]?.heard !== undefined && body
  })
  t.match(listed, {
    waiting: [{ id: Number, request: /^req-/, model: 'b', position: 1, wait: Number, priority: 0, since: Number, route: '/v1/chat/completions' }],
    inFlight: [{ id: Number, request: /^req-/, model: 'a', since: Number, arrived: Number, heard: Number, output: Number, route: '/v1/chat/completions' }]
  })
  const overview = await call('GET', '/ops/overview')
  t.match(await overview.json(), { time: Number, status: { waiting: 1 }, waiting: [{ model: 'b' }], inFlight: [{ model: 'a' }], hostMemory: { total: Number, available: Number } })
  await until('it is told who holds GPU memory', async () => {
    const { gpuHolders } = (await json('GET', '/ops/overview')).body
    return gpuHolders?.some(({ gpu, model, bytes }: { gpu: number, model?: string, bytes: number }) => gpu === 0 && model === 'a' && bytes > 0)
  })

  t.match(await json('POST', '/ops/requests/999999/cut'), { status: 404, body: { error: { code: 'LLMUX_ERR_REQUEST_NOT_FOUND' } } })
  t.match(await json('POST', `/ops/requests/${listed.inFlight[0].id}/cut`), { status: 200 })
  const text = await stuck.text().catch(error => String(error))
  t.notMatch(text, /\[DONE\]/, 'a stream that is cut never looks complete')
  t.equal((await waiting).status, 200, 'whoever waited for that goes on')
  await until('the cut is told of', async () => (await json('GET', '/ops/history')).body.responses.some(({ code }: { code?: string }) => code === 'LLMUX_ERR_REQUEST_CUT'))
  const { body } = await json('GET', '/ops/history')
  t.match(body, { time: Number, engines: [{ model: 'a', to: 'starting' }], transitions: [{ wake: 'a', to: 'idle' }], counts: Array })
  t.match(await json('GET', `/ops/history?since=${Math.round(body.time) + 1_000}`), { body: { engines: [], transitions: [], responses: [] } })
  t.match(await (await call('GET', '/ops/arrivals')).text(), /^time_s,model,service_s,input_bytes,output_bytes\n[\d.]+,b,[\d.]+,\d+,\d+\n$/, 'who was served is told as the simulator reads it')
  t.equal((await json('GET', '/ops/requests?most=0')).status, 400)
})

t.test('a model is tried: it waits as any request, and its answer is a stream', async t => {
  const { call, json } = await start(t, {}, { a: {}, b: { args: ['--mock-fault', 'start=exit@1'] } })
  const ask = (model: string, more = {}) => call('POST', '/ops/chat', { model, messages: [{ role: 'user', content: 'Why?' }], max_tokens: 4, ...more })
  const events = parseEvents(await (await ask('a')).text())
  t.match(events[0], { event: 'request', data: /"request":"req-/ })
  t.match(events.map(({ data }) => data).join(''), /served=a[^]*\[DONE\]$/)
  t.match(parseEvents(await (await ask('b')).text()).at(-1), { event: 'error', data: /LLMUX_ERR_PROCESS_DIED/ })
  t.match(await (await ask('nobody')).json(), { error: { code: 'LLMUX_ERR_MODEL_NOT_FOUND' } })
  t.equal((await ask('a', { temperature: 1 })).status, 400)
  t.match(await json('GET', '/ops/requests'), { body: { waiting: [], inFlight: [] } })
})

t.test('only the events that are named are told', async t => {
  const { call, json } = await start(t, {}, ['a'])
  const reading = read(await call('GET', '/ops/events?names=control,models'))
  await json('POST', '/ops/models/a/switch?wait=true')
  await json('POST', '/ops/pin', { model: 'a' })
  await until('the pin is told', () => reading.text.includes('event: control'))
  t.same(parseEvents(reading.text).flatMap(({ event }) => event ?? []), ['control'])
  t.match(await json('GET', '/ops/events?names=nothing'), { status: 400, body: { error: { message: /nothing is unknown: known are engine/ } } })
})

t.test('a page of another origin cannot have a browser change anything', async t => {
  const { url, states } = await start(t, { guard: false })
  const stop = (headers: Record<string, string>) => fetch(`${url}/ops/models/b/switch?wait=true`, { method: 'POST', headers })
  const refused = await stop({ 'sec-fetch-site': 'cross-site' })
  t.equal(refused.status, 403)
  t.match(await refused.json(), { error: { code: 'LLMUX_ERR_CROSS_SITE' } })
  t.equal((await stop({ origin: 'http://somewhere.else' })).status, 403)
  t.equal(states()['b'], 'stopped')
  t.equal((await stop({ origin: url })).status, 200)
})
