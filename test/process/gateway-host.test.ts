import type { Socket } from 'node:net'
import bearerAuth from '@fastify/bearer-auth'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../helpers/engine-process.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nobodyServed, requestsSeenBy, statusOf } from '../helpers/gateway-view.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'
import { RawConnection } from '../helpers/raw-connection.ts'
import llmux from '../../lib/index.ts'

// The server that llmux is registered in: its own hooks, plugins, routes and handlers.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const streamed = { stream: true, max_tokens: 3 }
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })

/** Every change of state but those of requests. */
function changesOf ({ app }: TestGateway): string[] {
  const changes: string[] = []
  app.llmux.events.on('engine', ({ model, to }) => changes.push(`${model} ${to}`))
  app.llmux.events.on('transition', ({ model, to }) => changes.push(`transition for ${model} ${to}`))
  return changes
}

t.test('the hooks of the server run around a request, whenever they were added', async t => {
  const ran: string[] = []
  const add = (app: FastifyInstance, when: string) => {
    const note = (hook: string) => (request: FastifyRequest) => { ran.push(`${hook} ${when}: ${request.llmux.model}`) }
    app.addHook('onRequest', async request => note('onRequest')(request))
    app.addHook('preParsing', async request => note('preParsing')(request))
    app.addHook('preValidation', async request => note('preValidation')(request))
    app.addHook('preHandler', async request => note('preHandler')(request))
    app.addHook('onSend', async request => note('onSend')(request))
    app.addHook('onResponse', async request => note('onResponse')(request))
  }
  const gateway = await start(t, { before: app => add(app, 'before'), after: app => add(app, 'after') })
  const order = (body: string, header = body) => [
    `onRequest before: ${header}`, `onRequest after: ${header}`, `preParsing before: ${header}`, `preParsing after: ${header}`,
    ...['preValidation', 'preHandler', 'onSend', 'onResponse'].flatMap(hook => [`${hook} before: ${body}`, `${hook} after: ${body}`])
  ]
  const rans = async (answer: Promise<Response>, hooks: string[]) => {
    await (await answer).text()
    await until('the last hook has run', () => ran.length >= hooks.length)
    t.same(ran.splice(0), hooks)
  }
  await rans(gateway.chat('a', 'x'), order('a', 'undefined'))
  await rans(gateway.chat('a', 'x', streamed), order('a', 'undefined'))
  await rans(gateway.chat('a', 'x', {}, { headers: { 'model-override': 'b' } }), order('b'))
  await rans(gateway.chat('nobody', 'x'), order('nobody', 'undefined'))
  await rans(gateway.post('/v1/chat/completions', '{"model":3}'), order('undefined'))
  await rans(fetch(`${gateway.url}/v1/models`), order('undefined'))
})

t.test('a request that the server refuses starts no engine and causes no switch', async t => {
  const gateway = await start(t, {
    before: app => app.addHook('onRequest', async (request, reply) => {
      if (request.headers['x-refuse'] === 'onRequest') return reply.code(401).send({ refused: 'early' })
    }),
    // Added to the root after the plugin: an easy mistake would let ours run first.
    after: app => {
      app.addHook('preHandler', async (request, reply) => {
        if (request.headers['x-refuse'] === 'preHandler') return reply.code(403).send({ refused: 'late' })
      })
      app.addHook('preHandler', (request, _reply, done) => {
        done(request.headers['x-refuse'] === 'throw' ? Object.assign(new Error('no'), { statusCode: 402 }) : undefined)
      })
    }
  })
  await gateway.chat('a', 'x')
  const changes = changesOf(gateway)
  for (const [refuse, status] of [['onRequest', 401], ['preHandler', 403], ['throw', 402]] as const) {
    t.equal((await gateway.chat('b', 'x', {}, { headers: { 'x-refuse': refuse } })).status, status)
  }
  t.same(changes, [])
  t.equal(statusOf(gateway, 'b').state, 'stopped')
  t.equal((await requestsSeenBy(gateway, 'a')).length, 1)
})

t.test('request.llmux.model serves for an access list', async t => {
  const allowed = new Map([['key-of-a', ['a']], ['key-of-all', ['a', 'b', 'alias']]])
  const gateway = await start(t, {
    models: { a: {}, b: { aliases: ['alias'] } },
    after: app => {
      app.get('/own', async request => ({ model: request.llmux.model ?? null }))
      app.addHook('preHandler', async (request, reply) => {
        const { model } = request.llmux
        const key = request.headers.authorization?.slice('Bearer '.length) ?? ''
        if (model !== undefined && !allowed.get(key)?.includes(model)) return reply.code(403).send({ error: `not ${model}` })
      })
    }
  })
  t.equal((await gateway.chat('a', 'x', {}, bearer('key-of-a'))).status, 200)
  for (const model of ['b', 'alias']) {
    t.same(await (await gateway.chat(model, 'x', {}, bearer('key-of-a'))).json(), { error: `not ${model}` })
    t.equal((await gateway.chat('a', 'x', {}, { headers: { authorization: 'Bearer key-of-a', 'model-override': model } })).status, 403)
  }
  const form = new FormData()
  form.append('model', 'b')
  form.append('file', new Blob(['x']), 'x.wav')
  t.equal((await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', body: form, ...bearer('key-of-a') })).status, 403, 'also of a form')
  t.equal(statusOf(gateway, 'b').state, 'stopped')
  t.equal((await gateway.chat('alias', 'x', {}, bearer('key-of-all'))).status, 200)
  t.same(await (await fetch(`${gateway.url}/own`)).json(), { model: null }, 'undefined on routes that are not ours')
})

t.test('works with @fastify/bearer-auth, and its answer is its own', async t => {
  for (const where of ['before', 'after'] as const) {
    const gateway = await start(t, { [where]: (app: FastifyInstance) => app.register(bearerAuth, { keys: new Set(['right']) }) })
    const refused = await gateway.chat('a', 'x', {}, bearer('wrong'))
    t.equal(refused.status, 401, where)
    t.same(await refused.json(), { error: 'invalid authorization header' })
    t.equal(statusOf(gateway, 'a').state, 'stopped')
    t.equal((await gateway.chat('a', 'x', {}, bearer('right'))).status, 200)
    t.equal((await fetch(`${gateway.url}/v1/models`)).status, 401)
  }
})

t.test('works with @fastify/rate-limit, with a limit for each model', async t => {
  const gateway = await start(t, {
    before: app => app.register(rateLimit, { max: 2, timeWindow: 60_000, hook: 'preHandler', keyGenerator: request => `${request.ip} ${request.llmux.model}` })
  })
  const answers = [await gateway.chat('a', 'x'), await gateway.chat('a', 'x', streamed), await gateway.chat('a', 'x'), await gateway.chat('b', 'x')]
  t.same(answers.map(({ status }) => status), [200, 200, 429, 200])
  t.same(answers.map(({ headers }) => headers.get('x-ratelimit-remaining')), ['1', '0', '0', '1'], 'its headers are on whole answers and on streams')
  t.match(answers[2]!.headers.get('retry-after'), /^(60|5\d)$/)
  t.match(await answers[2]!.json(), { statusCode: 429, error: 'Too Many Requests' }, 'in its own shape')
  const unknown = await gateway.chat('nobody', 'x')
  t.equal(unknown.status, 404)
  t.equal(unknown.headers.get('x-ratelimit-remaining'), '1', 'and on our errors')
  await gateway.chat('b', 'x')
  const changes = changesOf(gateway)
  t.equal((await gateway.chat('a', 'x')).status, 429)
  t.same(changes, [], 'a request over its limit causes no switch')
})

t.test('works with @fastify/cors and @fastify/helmet: their headers are on every answer', async t => {
  const gateway = await start(t, {
    replay: false,
    before: async app => {
      await app.register(cors, { origin: 'https://chat.example', credentials: true, exposedHeaders: ['retry-after'] })
      await app.register(helmet)
      app.addHook('onSend', async (_request, reply) => { reply.header('x-own-hook', 'ran') })
    }
  })
  const origin = { headers: { origin: 'https://chat.example' } }
  const headersOf = async (answer: Response, status: number) => {
    await answer.text()
    t.equal(answer.status, status)
    t.equal(answer.headers.get('access-control-allow-origin'), 'https://chat.example')
    t.equal(answer.headers.get('access-control-expose-headers'), 'retry-after')
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    t.equal(answer.headers.get('x-own-hook'), 'ran')
  }
  const preflight = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'OPTIONS', headers: { ...origin.headers, 'access-control-request-method': 'POST' } })
  t.equal(preflight.status, 204)
  t.equal(preflight.headers.get('access-control-allow-origin'), 'https://chat.example')
  t.equal(statusOf(gateway, 'a').state, 'stopped', 'a preflight starts nothing')
  await headersOf(await gateway.chat('a', 'x', {}, origin), 200)
  const stream = await gateway.chat('a', 'x', streamed, origin)
  t.match(stream.headers.get('content-type'), 'text/event-stream')
  await headersOf(stream, 200)
  await headersOf(await gateway.post('/v1/chat/completions', '{', origin), 400)
  await headersOf(await gateway.chat('nobody', 'x', {}, origin), 404)
  const lease = await gateway.app.llmux.acquire('a')
  await lease.fetch('/mock/faults', { method: 'POST', body: '{"request":"api-die"}' })
  lease.release()
  await headersOf(await gateway.chat('a', 'x', {}, origin), 502)
})

t.test('works beside @fastify/multipart, which keeps working for the routes of the server', async t => {
  for (const where of ['before', 'after'] as const) {
    const gateway = await start(t, {
      [where]: (app: FastifyInstance) => app.register(multipart),
      after: async app => {
        if (where === 'after') await app.register(multipart)
        app.post('/upload', async request => ({ bytes: (await (await request.file())!.toBuffer()).length }))
      }
    })
    const form = (model: string) => {
      const data = new FormData()
      data.append('model', model)
      data.append('file', new Blob(['12345']), 'x.wav')
      return data
    }
    const answer = await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', body: form('b') })
    t.match(await answer.json(), { text: /asked=b.* x.wav 5 bytes/ }, where)
    t.same(await (await fetch(`${gateway.url}/upload`, { method: 'POST', body: form('b') })).json(), { bytes: 5 })
  }
})

t.test('the routes of the server keep their parsers, error handler and 404', async t => {
  const gateway = await start(t, {
    before: app => {
      app.setErrorHandler((error: Error, _request, reply) => reply.code(599).send({ own: error.message }))
      app.setNotFoundHandler((_request, reply) => reply.code(404).send({ own: 'not found' }))
      app.addContentTypeParser('application/x-own', { parseAs: 'string' }, (_request, body, done) => done(null, { own: body }))
      app.addHook('preHandler', async request => { if (request.headers['x-throw'] !== undefined) throw new Error('from a hook') })
      app.post('/before', async request => request.body)
    },
    after: app => {
      app.post('/after', async request => request.body)
      app.post('/throws', async () => { throw new Error('from a route') })
      app.post('/echo-schema', { schema: { body: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } } }, async request => request.body)
    }
  })
  for (const path of ['/before', '/after']) t.same(await (await gateway.post(path, { a: [1] })).json(), { a: [1] }, 'JSON is parsed')
  t.same(await (await gateway.post('/echo-schema', { n: '3' })).json(), { n: 3 }, 'and checked')
  t.same(await (await gateway.post('/after', 'x', { headers: { 'content-type': 'application/x-own' } })).json(), { own: 'x' })
  const own = async (answer: Response, status: number, body: object) => {
    t.equal(answer.status, status)
    t.same(await answer.json(), body)
  }
  await own(await gateway.post('/throws', {}), 599, { own: 'from a route' })
  await own(await gateway.post('/nowhere', {}), 404, { own: 'not found' })
  // Below /v1 are clients of OpenAI's.
  t.match(await (await gateway.post('/v1/nowhere?x=1', '{')).json(), { error: { message: 'there is no route POST /v1/nowhere', type: 'invalid_request_error', param: null, code: 'LLMUX_ERR_ROUTE_NOT_FOUND' } })
  const wrongMethod = await fetch(`${gateway.url}/v1/chat/completions`)
  t.equal(wrongMethod.status, 404)
  t.match(await wrongMethod.json(), { error: { message: 'there is no route GET /v1/chat/completions', code: 'LLMUX_ERR_ROUTE_NOT_FOUND' } })
  await own(await gateway.chat('a', 'x', {}, { headers: { 'x-throw': '1' } }), 599, { own: 'from a hook' })
  t.match(await (await gateway.chat('nobody', 'x')).json(), { error: { code: 'LLMUX_ERR_MODEL_NOT_FOUND' } }, 'only our own errors are ours to answer')
})

t.test('a server without handlers of its own answers errors of its hooks as Fastify does', async t => {
  const gateway = await start(t, { after: app => app.addHook('preHandler', async () => { throw Object.assign(new Error('teapot'), { statusCode: 418 }) }) })
  const answer = await gateway.chat('a', 'x')
  t.equal(answer.status, 418)
  t.same(await answer.json(), { statusCode: 418, error: "I'm a Teapot", message: 'teapot' })
})

t.test('inside a prefixed and guarded scope of the server', async t => {
  const inner = await startInScope(t)
  t.equal((await inner.post('/team/llm/v1/chat/completions', { model: 'a', messages: [] })).status, 401)
  const answer = await inner.post('/team/llm/v1/chat/completions?x=1', { model: 'a', messages: [] }, bearer('right'))
  t.equal(answer.status, 200)
  t.match(await answer.json(), { choices: [{ message: { content: /asked=a/ } }] })
  t.equal((await fetch(`${inner.url}/team/llm/v1/models/a`, bearer('right'))).status, 200)
  t.equal((await fetch(`${inner.url}/open`)).status, 200, 'the rest of the server is outside')
})

async function startInScope (t: Test) {
  const gpu = makeGpu()
  const app = Fastify()
  t.teardown(async () => {
    await app.close()
    gpu.remove()
  })
  app.get('/open', async () => 'open')
  await app.register(async scope => {
    await scope.register(bearerAuth, { keys: new Set(['right']) })
    await scope.register(llmux, { command: [...mockCommand], closeWithGrace: false, prefix: '/llm', models: { a: { env: gpu.env } } })
  }, { prefix: '/team' })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const post = (path: string, body: unknown, { headers = {} } = {}) => fetch(url + path, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers }
  })
  return { app, url, post }
}

t.test('a client that leaves during a hook of the server causes no switch', async t => {
  let entered = 0
  let goOn = () => {}
  const gateway = await start(t, {
    after: app => app.addHook('preHandler', async request => {
      if (request.headers['x-wait'] === undefined) return
      entered++
      await new Promise<void>(resolve => { goOn = resolve })
    })
  })
  await gateway.chat('a', 'x')
  const changes = changesOf(gateway)
  const states: string[] = []
  gateway.app.llmux.events.on('request', ({ model, to }) => states.push(`${model} ${to}`))
  const sockets: Socket[] = []
  gateway.app.server.on('connection', socket => sockets.push(socket))
  const client = await RawConnection.open(gateway.url)
  client.request('POST', '/v1/chat/completions', { headers: ['x-wait: 1'], body: '{"model":"b"}' })
  await until('the hook has been entered', () => entered === 1)
  client.close()
  await until('the server has seen it', () => sockets.every(socket => socket.destroyed))
  goOn()
  await gateway.chat('a', 'y')
  await nobodyServed(gateway)
  t.same(changes, [])
  t.notOk(states.some(state => state.startsWith('b')), 'it never stood in the queue')
})

t.test('reports `app.inject()` like a request over a connection', async t => {
  const gateway = await start(t)
  const told: string[] = []
  gateway.app.llmux.events.on('response', ({ status, outcome }) => told.push(`${status} ${outcome}`))
  const url = '/v1/chat/completions'
  const messages = [{ role: 'user', content: 'x' }]
  const payloads = [{ model: 'a', messages, max_tokens: 2 }, { model: 'a', messages, ...streamed }, { model: 'nobody', messages }]
  for (const payload of payloads) {
    await gateway.app.inject({ method: 'POST', url, payload })
    await (await gateway.post(url, payload)).text()
  }
  await until('all are told of', () => told.length === 6)
  t.same(told, ['200 ok', '200 ok', '200 ok', '200 ok', '404 client_error', '404 client_error'])
})
