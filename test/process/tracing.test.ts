import { AsyncLocalStorage } from 'node:async_hooks'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../helpers/engine-process.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, statusOf } from '../helpers/gateway-view.ts'

// What somebody's tracing sees: an SDK of OpenTelemetry's as it is set up before anything else, with the instrumentation of undici.

const exporter = new InMemorySpanExporter()
const undici = new UndiciInstrumentation()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
undici.enable()
t.teardown(() => undici.disable())

let traces = 0

/** The trace of a client. */
function client () {
  const traceId = String(++traces).padStart(32, '0')
  const spanId = 'c'.repeat(16)
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=x' } }
}

const spansOf = ({ traceId }: { traceId: string }) => exporter.getFinishedSpans().filter(span => span.spanContext().traceId === traceId)

/** The spans of a trace by their names, as soon as there are so many. */
async function named (from: { traceId: string }, count: number): Promise<Record<string, ReadableSpan>> {
  await until(`${count} spans are there`, () => spansOf(from).length >= count)
  const spans = spansOf(from)
  t.equal(spans.length, count, spans.map(({ name }) => name).join())
  return Object.fromEntries(spans.map(span => [span.name, span]))
}

/** Without a connection: whatever a client's own HTTP would say of traces is not there. */
async function ask ({ app }: TestGateway, model: string, { headers }: { headers: Record<string, string> }, { path = '/v1/chat/completions', ...more }: Record<string, unknown> = {}) {
  return await app.inject({ method: 'POST', url: String(path), headers, payload: { model, messages: [{ role: 'user', content: 'x' }], max_tokens: 3, ...more } })
}

/** What has arrived at the engine that is awake: its calls, those of ours among them. */
async function arrived ({ app }: TestGateway, model: string): Promise<Array<{ url: string, headers: string[] }>> {
  const lease = await app.llmux.acquire(model)
  try {
    return await (await lease.fetch('/mock/requests')).json() as Array<{ url: string, headers: string[] }>
  } finally {
    lease.release()
  }
}

const valuesOf = (name: string, headers: string[]) => headers.filter((_, index) => index % 2 === 1 && headers[index - 1]!.toLowerCase() === name)

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], ...options })
  t.teardown(() => gateway.close())
  return gateway
}

t.test('a request has spans for its wait, the switch and the engine, within that of the client', async t => {
  const gateway = await start(t)
  await gateway.app.llmux.switchTo('b')
  const from = client()
  t.equal((await ask(gateway, 'a', from)).statusCode, 200)
  const { 'chat a': chat, 'wait a': wait, 'switch a': change, 'engine a': engine } = await named(from, 4)
  const parents = [chat, wait, change, engine].map(span => span!.parentSpanContext?.spanId)
  t.same(parents, [from.spanId, chat!.spanContext().spanId, wait!.spanContext().spanId, chat!.spanContext().spanId])
  t.match(chat!.attributes, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'vllm',
    'gen_ai.request.model': 'a',
    'gen_ai.response.model': 'a',
    'gen_ai.response.finish_reasons': ['length'],
    'gen_ai.usage.output_tokens': 3,
    'llmux.outcome': 'ok'
  })
  t.type(chat!.attributes['gen_ai.usage.input_tokens'], 'number')
  t.match(change!.attributes, { 'llmux.evict': ['b'], 'llmux.outcome': 'done', 'llmux.phase.waking': Number })
  t.equal(engine!.attributes['http.response.status_code'], 200)
  t.ok([chat, wait, change, engine].every(span => span!.status.code === SpanStatusCode.UNSET && span!.ended))

  const calls = await arrived(gateway, 'a')
  const asked = calls.find(({ url }) => url === '/v1/chat/completions')!.headers
  t.same(valuesOf('traceparent', asked), [`00-${from.traceId}-${engine!.spanContext().spanId}-01`], 'exactly one goes on')
  t.same(valuesOf('tracestate', asked), ['vendor=x'])
})

t.test('our own calls to an engine are of no request', async t => {
  const gateway = await start(t, { hostMemory: 1e12, models: { a: { sleepLevel: 2 }, b: {} } })
  const mine = trace.getTracer('host').startActiveSpan('a handler of the host', async span => {
    await gateway.app.llmux.switchTo('a')
    await gateway.app.llmux.switchTo('b')
    await gateway.app.llmux.switchTo('a')
    span.end()
    return span.spanContext()
  })
  const from = client()
  await ask(gateway, 'a', from)
  const ids = [from.traceId, (await mine).traceId]
  const own = (await arrived(gateway, 'a')).filter(({ url }) => /^\/(health|version|sleep|wake_up|collective_rpc)/.test(url))
  for (const path of ['/health', '/sleep', '/wake_up', '/collective_rpc']) t.ok(own.some(({ url }) => url.startsWith(path)), path)
  for (const { url, headers } of own) t.notOk(ids.some(id => headers.join().includes(id)), url)
  t.same(spansOf(await mine).map(({ name }) => name), ['a handler of the host'])
})

const answers: Array<[path: string, more: object, reason: string]> = [
  ['/v1/chat/completions', { stream: true, stream_options: { include_usage: true } }, 'length'],
  ['/v1/completions', { prompt: 'x', stream: true, stream_options: { include_usage: true } }, 'length'],
  ['/v1/completions', { prompt: 'x' }, 'length'],
  ['/v1/messages', {}, 'max_tokens'],
  ['/v1/messages', { stream: true }, 'max_tokens'],
  ['/v1/responses', { input: 'x', max_output_tokens: 3 }, 'incomplete'],
  ['/v1/responses', { input: 'x', max_output_tokens: 3, stream: true }, 'incomplete']
]

t.test('why an answer ended and what it took is read from it, whatever its dialect', async t => {
  const gateway = await start(t)
  await gateway.app.llmux.switchTo('a')
  for (const [path, more, reason] of answers) {
    const from = client()
    const streams = 'stream' in more
    t.equal((await ask(gateway, 'a', from, { path, ...more })).statusCode, 200, path)
    await named(from, 2)
    const span = spansOf(from).find(({ name }) => name !== 'engine a')!
    t.match(span.attributes, { 'gen_ai.response.finish_reasons': [reason], 'gen_ai.usage.output_tokens': 3 }, `${path}${streams ? ', streamed' : ''}`)
    t.equal(span.attributes['gen_ai.request.stream'], streams ? true : undefined)
    t.equal('gen_ai.response.time_to_first_chunk' in span.attributes, streams)
  }
})

t.test('of two that wait for one switch, one has it in its trace, and the other a link to it', async t => {
  const gateway = await start(t)
  gateway.app.llmux.pause({ what: 'switching' })
  await gateway.app.llmux.switchTo('b')
  const [first, second] = [client(), client()]
  const both = [first, second].map(from => ask(gateway, 'a', from))
  await until('both wait', () => statusOf(gateway, 'a').waiting === 2)
  gateway.app.llmux.resume()
  for (const answer of both) t.equal((await answer).statusCode, 200)
  const { 'switch a': change } = await named(first, 4)
  const { 'wait a': other } = await named(second, 3)
  t.same(other!.links.map(({ context }) => context.spanId), [change!.spanContext().spanId])
})

t.test('errors are told by their type', async t => {
  const gateway = await start(t)
  const missing = client()
  t.equal((await ask(gateway, 'nobody', missing)).statusCode, 404)
  t.match(Object.values(await named(missing, 1)), [{ name: 'chat', attributes: { 'error.type': 'LLMUX_ERR_MODEL_NOT_FOUND' }, status: { code: SpanStatusCode.ERROR } }])

  const refused = client()
  t.equal((await ask(gateway, 'a', refused, { max_tokens: 10_000_000 })).statusCode, 400)
  t.match(await named(refused, 4), {
    'chat a': { attributes: { 'error.type': '400', 'llmux.outcome': 'client_error' }, status: { code: SpanStatusCode.ERROR } },
    'engine a': { attributes: { 'http.response.status_code': 400 } }
  })

  await gateway.app.llmux.switchTo('b')
  await gateway.app.llmux.stop('a')
  gateway.gpu.setFaults('a', { start: 'exit@1/10*1' })
  const failed = client()
  t.equal((await ask(gateway, 'a', failed)).statusCode, 503)
  const error = { attributes: { 'error.type': 'LLMUX_ERR_PROCESS_DIED' }, status: { code: SpanStatusCode.ERROR } }
  t.match(await named(failed, 3), { 'chat a': error, 'switch a': error })
})

t.test('a request that is sent again has a span for each time, and its engine gets the last', async t => {
  const gateway = await start(t)
  await gateway.app.llmux.switchTo('a')
  gateway.gpu.setFaults('a', { request: 'die*1' })
  await gateway.app.llmux.stop('a')
  await gateway.app.llmux.switchTo('a')
  const from = client()
  t.equal((await ask(gateway, 'a', from)).statusCode, 200)
  await named(from, 5)
  const spans = spansOf(from)
  const engines = spans.filter(({ name }) => name === 'engine a')
  t.equal(engines.length, 2, spans.map(({ name }) => name).join())
  t.match(engines.map(({ attributes }) => attributes['error.type']), ['_OTHER', undefined])
  t.equal(spans.find(({ name }) => name === 'chat a')!.attributes['llmux.replays'], 1)
  const asked = (await arrived(gateway, 'a')).find(({ url }) => url === '/v1/chat/completions')!.headers
  t.same(valuesOf('traceparent', asked), [`00-${from.traceId}-${engines[1]!.spanContext().spanId}-01`])
})

t.test('a request that is frozen says so in the span of its engine', async t => {
  const gateway = await start(t, { mock: { 'token-ms': 5 } })
  for (const name of ['b', 'a']) await gateway.app.llmux.switchTo(name)
  const from = client()
  const frozen = nextEvent(gateway.app.llmux.events, 'request', ({ to }) => to === 'frozen')
  const answer = ask(gateway, 'a', from, { max_tokens: 200, stream: true })
  await until('it is under way', () => statusOf(gateway, 'a').inFlight === 1)
  await gateway.app.llmux.switchTo('b')
  await frozen
  t.equal((await answer).statusCode, 200)
  const { 'engine a': engine } = await named(from, 2)
  t.same(engine!.events.map(({ name }) => name), ['frozen', 'thawed'])
})

t.test('the hooks of the host run in the context of their own request, though it was let in by another', async t => {
  const storage = new AsyncLocalStorage<string>()
  const seen: Array<[hook: string, of: string, context: string | undefined]> = []
  const note = (hook: string, id: unknown) => { seen.push([hook, String(id), storage.getStore()]) }
  const gateway = await start(t, {
    before: app => {
      app.addHook('onRequest', (request, _reply, done) => storage.run(String(request.headers['x-id']), done))
      app.addHook('onSend', async request => note('onSend', request.headers['x-id']))
    }
  })
  const ids = ['one', 'two', 'three']
  const models = ['a', 'b', 'a']
  const all = ids.map((id, index) => ask(gateway, models[index]!, { headers: { 'x-id': id } }))
  for (const answer of all) t.equal((await answer).statusCode, 200)
  t.same(seen.sort(), ids.map(id => ['onSend', id, id]).sort())
})
