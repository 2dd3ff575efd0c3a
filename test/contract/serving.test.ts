import { existsSync, mkdtempSync } from 'node:fs'
import { createConnection } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePort, until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { chat, names, spawnEngine, startEngine, streamInFlight, subject } from './engine-under-test.ts'

const engine = await startEngine(t)

const stream = async (path: string, body: unknown) => {
  const reader = new StreamReader(await engine.open(path, { body }))
  await reader.done
  return reader
}

const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
  const { status, text } = await engine.call(path, { body, headers })
  return { status, ...JSON.parse(text) }
}

const port = Number(engine.child.spawnargs.at(engine.child.spawnargs.indexOf('--port') + 1))

/** The first bytes of the answer to a request written by hand: clients tidy up paths. */
async function rawHead (line: string) {
  const socket = createConnection(port, '127.0.0.1')
  socket.write(`${line} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n`)
  const [head] = await once(socket, 'data')
  socket.destroy()
  return String(head)
}

t.test('health, version and the list of models', async (t) => {
  t.match(await engine.call('/health'), { status: 200, text: '' })
  t.match(await engine.json('/version'), { version: new RegExp(`^0\\.${subject.minor}\\.`) })
  const { data } = await engine.json('/v1/models')
  t.same(data.map(({ id }: { id: string }) => id), names)
  t.match(data[0], { object: 'model', owned_by: 'vllm', max_model_len: Number })
})

t.test('every served name is accepted, the first is in the answer, and a body without a model is answered', async (t) => {
  for (const model of [...names, undefined]) t.match(await post('/v1/chat/completions', chat(2, { model })), { status: 200, model: 'served' })
})

t.test('answers have usage and a reason; at temperature 0 they repeat', async (t) => {
  const whole = await post('/v1/chat/completions', chat(5))
  t.match(whole, { object: 'chat.completion', choices: [{ index: 0, finish_reason: 'length', message: { role: 'assistant', content: String } }], usage: { completion_tokens: 5, prompt_tokens: Number, total_tokens: Number } })
  t.equal((await post('/v1/chat/completions', chat(5))).choices[0].message.content, whole.choices[0].message.content)
  t.match(await post('/v1/completions', { prompt: 'Tell me', max_tokens: 5, ignore_eos: true }), { object: 'text_completion', choices: [{ text: String, finish_reason: 'length' }], usage: { completion_tokens: 5 } })
})

t.test('a chat stream: role first, one id, one model, a reason for each choice, usage at the end, [DONE]', async (t) => {
  const reader = await stream('/v1/chat/completions', chat(5, { stream: true, n: 2, temperature: 0.5, stream_options: { include_usage: true } }))
  const { chunks } = reader
  t.equal(reader.end, 'ended')
  t.ok(reader.sawDone)
  t.match(chunks[0], { object: 'chat.completion.chunk', choices: [{ index: 0, delta: { role: 'assistant' }, finish_reason: null }] })
  t.ok(chunks.every(({ id, model, object }) => id === chunks[0].id && model === 'served' && object === 'chat.completion.chunk'))
  const reasons = chunks.flatMap(({ choices }) => choices).filter(({ finish_reason: reason }: { finish_reason: string | null }) => reason !== null)
  t.same(reasons.map(({ index, finish_reason: reason }: { index: number, finish_reason: string }) => `${index} ${reason}`).sort(), ['0 length', '1 length'])
  t.match(chunks.at(-1), { choices: [], usage: { completion_tokens: 10 } })
})

t.test('a completion stream: text, a reason, [DONE]; no usage unless asked for', async (t) => {
  const reader = await stream('/v1/completions', { prompt: 'Tell me', max_tokens: 5, ignore_eos: true, stream: true })
  t.ok(reader.sawDone)
  t.equal(reader.finishReason, 'length')
  t.ok(reader.chunks.every(({ object, choices, usage }) => object === 'text_completion' && typeof choices[0].text === 'string' && !usage))
})

t.test('a stream of /v1/responses: named events with rising numbers, completed at the end, no [DONE]', async (t) => {
  const reader = await stream('/v1/responses', { input: 'Tell me', max_output_tokens: 5, stream: true, temperature: 0 })
  const { events, chunks } = reader
  t.equal(reader.end, 'ended')
  t.ok(events.every(({ event }, index) => event === chunks[index].type))
  t.same(chunks.map(({ sequence_number: number }) => number), chunks.map((_, index) => index))
  t.equal(events[0]?.event, 'response.created')
  t.ok(events.some(({ event }) => event === 'response.output_text.delta'))
  t.match(chunks.at(-1), { type: 'response.completed', response: { model: 'served', usage: { output_tokens: 5 } } })
})

t.test(`a stream of /v1/messages: from message_start to message_stop, ${subject.isOld ? 'and [DONE], which is not Anthropic\'s' : 'no [DONE]'}`, async (t) => {
  const reader = await stream('/v1/messages', { model: 'served', messages: [{ role: 'user', content: 'Tell me' }], max_tokens: 5, stream: true })
  const kinds = reader.events.map(({ event }) => event)
  t.match(kinds.slice(0, 2), ['message_start', 'content_block_start'])
  t.same(kinds.filter((kind) => kind !== undefined).slice(-3), ['content_block_stop', 'message_delta', 'message_stop'])
  t.equal(reader.sawDone, subject.isOld)
  t.match(reader.chunks.find(({ type }) => type === 'message_delta'), { delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: Number } })
})

t.test(`bad JSON, a wrong content type and too many tokens are 400, and ${subject.isOld ? 'wrong types 500' : 'so are wrong types'}`, async (t) => {
  t.match(await post('/v1/chat/completions', '{"messages":'), { status: 400, error: { type: 'Bad Request', code: 400, message: String } })
  const wrongType = await engine.call('/v1/chat/completions', { body: { messages: 3 } })
  t.match(wrongType, subject.isOld ? { status: 500, text: 'Internal Server Error' } : { status: 400, text: /"code":400/ })
  t.match(await post('/v1/chat/completions', '{}', { 'content-type': 'text/plain' }), { status: 400, error: { message: /Unsupported Media Type/ } })
  t.match(await post('/v1/chat/completions', chat(100_000)), { status: 400, error: { type: 'BadRequestError', code: 400 } })
})

t.test('an unknown model is 404 in OpenAI\'s shape, in Anthropic\'s on /v1/messages', async (t) => {
  t.match(await post('/v1/chat/completions', chat(1, { model: 'other' })), { status: 404, error: { type: 'NotFoundError', param: 'model', code: 404, message: /`other` does not exist/ } })
  t.match(await post('/v1/messages', chat(1, { model: 'other' })), { status: 404, type: 'error', error: { type: 'NotFoundError' } })
})

t.test('routes that a chat model does not have, unknown paths and odd spellings are 404 in FastAPI\'s shape', async (t) => {
  for (const path of ['/v1/embeddings', '/v1/rerank', '/score', '/pooling', '/v1/audio/transcriptions', '/nothing', '/SLEEP', '//sleep']) {
    t.match(await post(path, { input: 'x' }), { status: 404, detail: 'Not Found' }, path)
  }
  t.match(await engine.call('/sleep'), { status: 405 }, 'GET /sleep')
  t.equal((await engine.call('/v1/models/served')).status, 404)
  t.match(await rawHead('GET /v1/../is_sleeping'), / 404 /)
})

t.test('an encoded letter in a path is decoded, a slash at the end is redirected: a filter must know both', async (t) => {
  t.match(await rawHead('GET /is%5Fsleeping'), / 200 /)
  t.match(await rawHead('GET /is_sleeping/'), / 307 /)
})

t.test('/tokenize and /detokenize are each other\'s inverse', async (t) => {
  const { tokens, count } = await post('/tokenize', { prompt: 'tell', add_special_tokens: false })
  t.equal(tokens.length, count)
  t.match(await post('/detokenize', { tokens }), { status: 200, prompt: 'tell' })
  t.match(await post('/v1/messages/count_tokens', chat(1)), { status: 200, input_tokens: Number })
})

t.test('/metrics has the names that are read', async (t) => {
  const { status, text } = await engine.call('/metrics')
  t.equal(status, 200)
  for (const name of ['num_requests_running', 'num_requests_waiting']) t.match(text, new RegExp(`^vllm:${name}\\{engine="0",model_name="served"\\} \\d`, 'm'))
  t.match(text, /^vllm:engine_sleep_state\{engine="0",model_name="served",sleep_state="awake"\} 1/m)
  t.match(text, /^vllm:(prompt|generation)_tokens_total\{/m)
})

t.test('a client that leaves ends the engine\'s work for it', async (t) => {
  const leave = new AbortController()
  const reader = await streamInFlight(engine, leave.signal)
  leave.abort()
  await reader.done
  const running = async () => Number(/^vllm:num_requests_running\{.*\} (.*)$/m.exec((await engine.call('/metrics')).text)?.[1])
  await until('nothing runs', async () => await running() === 0)
  t.equal(reader.end, 'broken')
})

t.test('an idle connection is closed after five seconds, of which no header says anything', async (t) => {
  const socket = createConnection(port, '127.0.0.1')
  socket.write('GET /health HTTP/1.1\r\nHost: engine\r\n\r\n')
  const [head] = await once(socket, 'data')
  t.match(String(head), /^HTTP\/1.1 200 OK\r\n/)
  t.notMatch(String(head), /keep-alive/i)
  await once(socket, 'end')
  socket.destroy()
})

t.test('on a unix socket: nothing listens on the port beside it; an API key guards /v1 and no control endpoint', async (t) => {
  const uds = join(mkdtempSync(join(tmpdir(), 'contract-')), 's')
  const port = await freePort()
  // One real server at a time.
  await engine.destroy()
  const guarded = await startEngine(t, { listen: { uds }, args: ['--port', String(port)], env: { VLLM_API_KEY: 'secret' } })
  await t.rejects(once(createConnection(port, '127.0.0.1'), 'connect'))
  const authorization = 'Bearer secret'
  t.match(await guarded.call('/v1/models'), { status: 401, text: '{"error":"Unauthorized"}' })
  t.match(await guarded.call('/v1/chat/completions', { body: chat(1), headers: { authorization: 'Bearer other' } }), { status: 401 })
  t.match(await guarded.call('/v1/chat/completions', { body: chat(1), headers: { authorization } }), { status: 200 })
  t.equal((await guarded.post('/sleep')).status, 200)
  t.equal((await guarded.post('/wake_up')).status, 200)
  guarded.kill('SIGTERM')
  await guarded.gone(60_000)
  t.ok(existsSync(uds), 'the socket file stays behind')
  const next = await spawnEngine(t, { listen: { uds } })
  t.match(await next.exited, { code: 1 }, 'and keeps the next one from starting')
})
