import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../helpers/engine-process.ts'
import { startGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { lastRequestSeenBy, nobodyServed, statusOf } from '../helpers/gateway-view.ts'
import { RawConnection } from '../helpers/raw-connection.ts'

// What goes from a client to an engine and back beside the body, and what does not.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a'], ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const credentials = { authorization: 'Bearer of-the-client', cookie: 'session=of-the-client' }

t.test('the credentials of a client stay at the gateway', async t => {
  const gateway = await start(t)
  await gateway.chat('a', 'x', {}, { headers: { ...credentials, 'x-other': 'kept' } })
  const { headers } = await lastRequestSeenBy(gateway, 'a')
  t.notOk('authorization' in headers)
  t.notOk('cookie' in headers)
  t.equal(headers['x-other'], 'kept')
})

t.test('unless an option says that they go on', async t => {
  const gateway = await start(t, { forwardCredentials: true })
  await gateway.chat('a', 'x', {}, { headers: credentials })
  t.match((await lastRequestSeenBy(gateway, 'a')).headers, credentials)
})

t.test('the key of an engine is used for every call to it, and a client cannot take its place', async t => {
  for (const forwardCredentials of [false, true]) {
    const gateway = await start(t, { forwardCredentials, models: { a: { env: { VLLM_API_KEY: 'of-the-engine' }, warmup: true, sleepLevel: 2 } } })
    t.equal((await gateway.chat('a', 'x', {}, { headers: credentials })).status, 200)
    const { headers } = await lastRequestSeenBy(gateway, 'a')
    t.equal(headers.authorization, 'Bearer of-the-engine')
    t.equal(headers.cookie, forwardCredentials ? credentials.cookie : undefined)
    await gateway.app.llmux.sleep('a')
    t.match(statusOf(gateway, 'a'), { state: 'asleep', level: 2 })
    t.equal((await gateway.chat('a', 'x')).status, 200, 'after the whole sequence back from level 2')
  }
})

t.test('headers that concern one connection only do not go on', async t => {
  const gateway = await start(t)
  const client = await RawConnection.open(gateway.url)
  const hop = ['connection: keep-alive, x-secret-hop', 'x-secret-hop: 1', 'keep-alive: timeout=9', 'te: trailers', 'proxy-authorization: Basic eA==', 'proxy-connection: keep-alive', 'upgrade: websocket', 'trailer: x-late']
  client.request('POST', '/v1/chat/completions', { headers: [...hop, 'x-kept: 1', 'x-twice: 1', 'x-twice: 2'], body: '{"model":"a","messages":[]}' })
  await client.sees('finish_reason')
  client.close()
  const { headers } = await lastRequestSeenBy(gateway, 'a')
  for (const line of hop.slice(1)) t.notOk(line.split(':')[0]! in headers, line)
  t.notMatch(headers.connection, 'x-secret-hop')
  t.match(headers, { 'x-kept': '1', 'x-twice': '1, 2', 'content-type': 'application/json' })
})

t.test('a body in chunks arrives as one of a known length', async t => {
  const gateway = await start(t)
  const client = await RawConnection.open(gateway.url)
  client.send('POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nd\r\n{"model":"a",\r\n')
  client.send('e\r\n"prompt":"hi"}\r\n0\r\n\r\n')
  await client.sees('finish_reason')
  client.close()
  const { headers, body } = await lastRequestSeenBy(gateway, 'a')
  t.equal(body.toString(), '{"model":"a","prompt":"hi"}')
  t.equal(headers['content-length'], '27')
  t.notOk('transfer-encoding' in headers)
})

t.test('query strings go on as they are', async t => {
  const gateway = await start(t)
  for (const query of ['?a=1&b=%2F%20+%C3%BC&a=2', '?', '?x=/v1/../sleep', '?level=1']) {
    const path = `/v1/completions${query}`
    const client = await RawConnection.open(gateway.url)
    client.request('POST', path, { body: '{"model":"a","prompt":"x"}' })
    await client.sees('finish_reason')
    client.close()
    const { url } = await lastRequestSeenBy(gateway, 'a')
    t.equal(decodeURIComponent(url.replace(/\?$/, '')), decodeURIComponent(path.replace(/[?]$/, '')), query)
  }
})

t.test('curl\'s Expect: 100-continue is answered, and does not go on', async t => {
  const gateway = await start(t)
  const body = '{"model":"a","messages":[]}'
  const client = await RawConnection.open(gateway.url)
  client.send(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`)
  await client.sees('HTTP/1.1 100 Continue\r\n\r\n')
  t.equal(statusOf(gateway, 'a').state, 'stopped')
  client.send(body)
  await client.sees('finish_reason')
  t.match(client.text, 'HTTP/1.1 200 OK')
  client.close()
  t.notOk('expect' in (await lastRequestSeenBy(gateway, 'a')).headers)
})

t.test('other methods on the routes of an engine are not found, and start nothing', async t => {
  const gateway = await start(t)
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method, ...(method.startsWith('P') && { body: '{"model":"a"}', headers: { 'content-type': 'application/json' } }) })
    t.equal(answer.status, 404, method)
  }
  t.equal(statusOf(gateway, 'a').state, 'stopped')
})

t.test('a host may speak HTTP/2', async t => {
  const gateway = await start(t, { server: { http2: true } as never })
  const session = connect(gateway.url)
  t.teardown(() => session.close())
  const ask = async (body: object) => {
    const stream = session.request({ ':method': 'POST', ':path': '/v1/chat/completions?x=1', 'content-type': 'application/json' })
    stream.end(JSON.stringify(body))
    const [headers] = await once(stream, 'response') as [Record<string, unknown>]
    return { status: headers[':status'], text: await text(stream) }
  }
  t.match(await ask({ model: 'a', messages: [] }), { status: 200, text: /asked=a/ })
  t.match(await ask({ model: 'a', messages: [], stream: true }), { status: 200, text: /\[DONE\]/ })
  t.match(await ask({ model: 'b', messages: [] }), { status: 404, text: /LLMUX_ERR_MODEL_NOT_FOUND/ })
  t.equal((await lastRequestSeenBy(gateway, 'a')).url, '/v1/chat/completions?x=1')
  const gone = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' })
  gone.end(JSON.stringify({ model: 'a', messages: [], stream: true, max_tokens: 100_000 }))
  await once(gone, 'data')
  gone.close(8)
  await until('the engine has stopped', () => gateway.gpu.records().some(({ event, reason }) => event === 'aborted' && reason === 'client'))
  await nobodyServed(gateway)
})

const closedPaths = ['/wake_up', '/is_sleeping', '/reset_prefix_cache', '/health', '/metrics', '/version', '/server_info', '/load', '/docs', '/openapi.json', '/ping', '/invocations', '/v1/load_lora_adapter', '/v1/realtime', '/v1/responses/resp_1', '/mock/state']
const disguised = ['/sleep', '/collective_rpc'].flatMap(spellings)

/** Ways to write a path that some router, somewhere between, might take for the path itself. */
function spellings (path: string): string[] {
  const name = path.slice(1)
  const encoded = `/${[...name].map(letter => `%${letter.charCodeAt(0).toString(16)}`).join('')}`
  return [
    path, `${path}/`, `/${path}`, `/${path}//`, path.toUpperCase(), encoded, encoded.toUpperCase(), encoded.replaceAll('%', '%25'),
    `/.${path}`, `/x/..${path}`, `/%2e${path}`, `/v1/%2e%2e${path}`, `/v1/..%2f${name}`, `/v1/..\\${name}`, `/v1/..%5c${name}`, `\\${name}`,
    `${path}%00`, `${path}\0`, `${path};x=1`, `/;${path}`, `${path}%20`, `${path}%3flevel=2`, `${path}?level=2`, `${path}#`, `${path}%`, `${path}.`,
    `/v1/chat/completions${path}`, `/v1/chat/completions/..${path}`, `/v1/chat/completions/../../..${path}`, `/v1/chat/completions/..%2f..%2f..%2f${name}`,
    `/v1/chat/completions;/../..${path}`, `/v1/models/..${path}`, `/v1/models/%2e%2e/%2e%2e${path}`, `/v1/models/a/../../..${path}`,
    `http://engine${path}`, `http://127.0.0.1:1${path}`, `//engine${path}`, `*${path}`, `engine${path}`, `/http://engine${path}`, `/${'x'.repeat(300)}/..${path}`,
    path.replace('l', '\u2113'), `${path}\u2028`, `/%c0%ae%c0%ae${path}`, `/v1%2fchat%2fcompletions/..%2f..%2f..${path}`
  ]
}

const engineFixture = fileURLToPath(new URL('fixtures/engine.js', import.meta.url))

t.test('no spelling of a path leads to an endpoint that is not offered', async t => {
  const servers: Array<NonNullable<TestGatewayOptions['server']>> = [
    {},
    { routerOptions: { caseSensitive: false, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true, maxParamLength: 10_000 } }
  ]
  for (const server of servers) {
    for (const prefix of ['', '/llm']) {
      // Notes every request that it gets, known or not.
      const command = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, engineFixture]
      const gateway = await start(t, { server, prefix, command, models: { a: { sleepMode: 'simulated' } } })
      const lease = await gateway.app.llmux.acquire('a')
      const calls = async () => (await (await lease.fetch('/about')).json() as { calls: string[] }).calls
      const before = await calls()
      const targets = [...closedPaths, ...disguised].flatMap(path => [`POST ${prefix}${path}`, `GET ${prefix}${path}`])
      const answers = await Promise.all(targets.map(async target => `${target}: ${(await answerTo(gateway.url, target)).slice(0, 40)}`))
      t.same(answers.filter(answer => !/: HTTP\/1.1 4\d\d /.test(answer)), [], 'all are refused')
      t.same(await calls(), before, 'and nothing has reached the engine')
      lease.release()
    }
  }
})

async function answerTo (url: string, target: string): Promise<string> {
  const client = await RawConnection.open(url)
  const head = `${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nmodel-override: a\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n`
  await client.send(Buffer.from(`${head}{"model":"a"}`)).over()
  return client.text
}

t.test('a route is found by the spellings that the server allows, and reaches the engine by its own', async t => {
  const gateway = await start(t, { server: { routerOptions: { caseSensitive: false, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true } } })
  for (const path of ['/V1/Chat/COMPLETIONS', '/v1/chat/completions/', '/v1/chat/%63ompletions']) {
    t.equal((await gateway.post(path, { model: 'a', messages: [] })).status, 200, path)
    t.equal((await lastRequestSeenBy(gateway, 'a')).url, '/v1/chat/completions')
  }
  t.equal((await fetch(`${gateway.url}/V1/MODELS/`)).status, 200)
})

/** Somebody else's server, which writes down what it gets. */
async function startUpstream (t: Test, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: Array<{ url: string, headers: IncomingMessage['headers'], body: string }> = []
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined)
    if (body === undefined) return
    seen.push({ url: request.url!, headers: request.headers, body })
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return { seen, server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

t.test('requests for models that are not ours go to fallbackUpstream untouched', async t => {
  const upstream = await startUpstream(t, (_request, response) => {
    response.writeHead(203, { 'content-type': 'application/json', 'x-upstream': 'yes', 'set-cookie': ['a=1', 'b=2'] }).end('{"its":"own"}')
  })
  const gateway = await start(t, { fallbackUpstream: upstream.origin, defaultModel: 'a' })
  const body = '{"seed":9007199254740993,\t"model" : "gpt-\\u0034","a":1,"a":2}'
  const answer = await gateway.post('/v1/chat/completions?v=1', body, { headers: { ...credentials, 'x-other': 'kept' } })
  t.equal(answer.status, 203)
  t.equal(answer.headers.get('x-upstream'), 'yes')
  t.same(answer.headers.getSetCookie(), ['a=1', 'b=2'])
  t.equal(await answer.text(), '{"its":"own"}')
  t.match(upstream.seen, [{ url: '/v1/chat/completions?v=1', body, headers: { 'x-other': 'kept', host: upstream.origin.slice('http://'.length) } }])
  t.notOk('authorization' in upstream.seen[0]!.headers)
  t.notOk('cookie' in upstream.seen[0]!.headers)

  const named = await gateway.post('/v1/chat/completions', '{"model":"a"}', { headers: { 'model-override': 'gpt-4' } })
  t.equal(named.status, 203)
  t.match(upstream.seen[1], { body: '{"model":"a"}', headers: { 'model-override': 'gpt-4' } }, 'untouched also where the header names the model')
  t.equal(statusOf(gateway, 'a').state, 'stopped')
  t.equal((await gateway.post('/v1/chat/completions', { messages: [] })).status, 200, 'the default model is ours')
  t.equal(upstream.seen.length, 2)
})

t.test('headers of an answer that concern one connection only, or who may read it, do not go on', async t => {
  const upstream = await startUpstream(t, (_request, response) => {
    response.writeHead(200, {
      connection: 'keep-alive, x-hop', 'keep-alive': 'timeout=1', 'x-hop': '1', 'access-control-allow-origin': '*', 'access-control-allow-credentials': 'true', 'x-kept': '1'
    }).end('{}')
  })
  const gateway = await start(t, { fallbackUpstream: upstream.origin })
  const client = await RawConnection.open(gateway.url)
  // Over at once, since the client does not want the connection to be kept.
  await client.request('POST', '/v1/completions', { body: '{"model":"gpt-4"}', headers: ['connection: close', 'origin: http://evil.example'] }).over()
  t.match(client.text, /x-kept: 1/i)
  t.match(client.text, /connection: close/i)
  t.notMatch(client.text, /x-hop|timeout=1|access-control/i)
})

t.test('with the credentials of the client if they are to go on', async t => {
  const upstream = await startUpstream(t, (_request, response) => response.end('{}'))
  const gateway = await start(t, { fallbackUpstream: upstream.origin, forwardCredentials: true })
  await gateway.chat('gpt-4', 'x', {}, { headers: credentials })
  t.match(upstream.seen[0]!.headers, credentials)
})

t.test('a stream of fallbackUpstream comes as it is made, and ends with its client', async t => {
  let sendMore = () => {}
  let left = false
  const upstream = await startUpstream(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    sendMore = () => response.write('data: 2\n\n')
    request.socket.on('close', () => { left = true })
  })
  const gateway = await start(t, { fallbackUpstream: upstream.origin })
  const { body } = await request(`${gateway.url}/v1/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"model":"gpt-4"}' })
  const chunks = body[Symbol.asyncIterator]()
  t.equal(String((await chunks.next()).value), 'data: 1\n\n')
  sendMore()
  t.equal(String((await chunks.next()).value), 'data: 2\n\n')
  body.on('error', () => {})
  body.destroy()
  await until('the upstream has seen that the client is gone', () => left)
})

t.test('a fallbackUpstream that does not answer is 502', async t => {
  const upstream = await startUpstream(t, request => request.socket.destroy())
  const gateway = await start(t, { fallbackUpstream: upstream.origin })
  const answer = await gateway.chat('gpt-4', 'x')
  t.equal(answer.status, 502)
  t.ok(answer.headers.get('retry-after'))
  t.match(await answer.json(), { error: { type: 'server_error', code: 'LLMUX_ERR_UPSTREAM', param: null } })
  upstream.server.close()
  upstream.server.closeAllConnections()
  await once(upstream.server, 'close')
  t.match(await (await gateway.chat('gpt-4', 'x')).json(), { error: { code: 'LLMUX_ERR_UPSTREAM', message: /ECONNREFUSED/ } })
})

t.test('a stream of fallbackUpstream that breaks is broken for the client too', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    setImmediate(() => request.socket.resetAndDestroy())
  })
  const gateway = await start(t, { fallbackUpstream: upstream.origin })
  const answer = await gateway.chat('gpt-4', 'x')
  await t.rejects(answer.text())
})
