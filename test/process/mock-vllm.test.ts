import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { EngineProcess, freePort, until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { readRecords } from '../../lib/mock/index.ts'
import { makeGpu, mockCommand, type MockGpu } from '../helpers/mock-engine.ts'

/** A mock of its own for one test. */
async function start (t: Test, args: string[] = [], { env = {}, listen }: { env?: Record<string, string>, listen?: { uds: string } } = {}) {
  const engine = await EngineProcess.start({ command: mockCommand, model: 'test/model', args: ['--served-model-name', 'a', 'b', ...args], env, ...(listen && { listen }) })
  t.teardown(() => engine.destroy())
  return engine
}

/** One that is not expected to come up. */
async function spawn (t: Test, model: string, args: string[], env: Record<string, string> = {}) {
  const engine = await EngineProcess.spawn({ command: mockCommand, model, args, env })
  t.teardown(() => engine.destroy())
  return engine
}

function gpuFor (t: Test, totalMiB = 1000, devices = 1): MockGpu {
  const gpu = makeGpu({ totalMiB, devices })
  t.teardown(() => gpu.remove())
  return gpu
}

const chat = (content: string, more: Record<string, unknown> = {}) => ({ model: 'a', messages: [{ role: 'user', content }], ...more })
const slowStream = chat('x', { stream: true, max_tokens: 100_000 })
const sleepMode = ['--enable-sleep-mode']

async function openStream (engine: EngineProcess, body: unknown = slowStream) {
  const reader = new StreamReader(await engine.open('/v1/chat/completions', { body }))
  await until('the stream has begun', () => reader.text.includes('content'))
  return reader
}

/** A stream that flows has a token every millisecond: one that has grown by nothing in fifty stands still. */
async function standsStill (reader: StreamReader) {
  await until('the stream stands still', async () => {
    const { length } = reader.text
    await delay(50)
    return reader.text.length === length
  })
}

t.jobs = 4

t.test('an answer names the served model, the engine, the model asked for and the question', async (t) => {
  const engine = await start(t, ['--mock-name', 'one'])
  const first = await engine.json('/v1/chat/completions', { body: chat('hello you', { model: 'b', max_tokens: 5 }) })
  t.equal(first.model, 'a')
  t.match(first.choices[0].message.content, /^\[served=a engine=one asked=b #1\] hello you/)
  t.match(first, { choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 5 } })
  const second = await engine.json('/v1/chat/completions', { body: chat('hello you') })
  t.match(second.choices[0], { message: { content: '#2' }, finish_reason: 'stop' })
  t.match(await engine.json('/v1/models'), { data: [{ id: 'a' }, { id: 'b' }] })
})

t.test('answers at temperature 0 repeat, and those to different questions differ', async (t) => {
  const engine = await start(t)
  const ask = async (content: string) => (await engine.json('/v1/chat/completions', { body: chat(content, { temperature: 0 }) })).choices[0].message.content
  t.equal(await ask('one'), await ask('one'))
  t.not(await ask('one'), await ask('two'))
})

t.test('every generating route answers whole and as a stream, in its own dialect', async (t) => {
  const engine = await start(t)
  const message = [{ role: 'user', content: 'q' }]
  const bodies: Record<string, [object, object]> = {
    '/v1/chat/completions': [{ messages: message, max_tokens: 3, n: 2 }, { object: 'chat.completion', choices: [{ finish_reason: 'length' }, { index: 1 }], usage: { completion_tokens: 6 } }],
    '/v1/completions': [{ prompt: 'q', max_tokens: 3 }, { object: 'text_completion', choices: [{ finish_reason: 'length' }] }],
    '/v1/responses': [{ input: 'q', max_output_tokens: 3 }, { object: 'response', status: 'incomplete', output: [{ content: [{ type: 'output_text' }] }], usage: { output_tokens: 3 } }],
    '/v1/messages': [{ model: 'a', messages: message, max_tokens: 3 }, { type: 'message', stop_reason: 'max_tokens', content: [{ type: 'text' }], usage: { output_tokens: 3 } }]
  }
  for (const [path, [body, expected]] of Object.entries(bodies)) {
    t.match(await engine.json(path, { body }), expected, path)
    const stream = new StreamReader(await engine.open(path, { body: { ...body, stream: true, stream_options: { include_usage: true } } }))
    await stream.done
    t.equal(stream.end, 'ended', path)
    t.match(stream.text, 'asked=', path)
    if (path.endsWith('completions')) {
      t.ok(stream.sawDone)
      t.ok(stream.chunks.at(-1).usage.completion_tokens > 0)
      t.equal(stream.finishReason, 'length')
    } else {
      t.equal(stream.events.at(-1)?.event, path === '/v1/responses' ? 'response.completed' : 'message_stop')
    }
  }
})

t.test('a finish reason comes for every choice of a stream', async (t) => {
  const engine = await start(t)
  const stream = new StreamReader(await engine.open('/v1/chat/completions', { body: chat('q', { stream: true, n: 3, max_tokens: 2 }) }))
  await stream.done
  const finished = stream.chunks.flatMap(({ choices }) => choices).filter(({ finish_reason: reason }: { finish_reason: string }) => reason)
  t.same(finished.map(({ index }: { index: number }) => index).sort(), [0, 1, 2])
})

t.test('embeddings, scores, rankings, classes, tokens and transcriptions have the right shape', async (t) => {
  const engine = await start(t)
  const documents = ['x', 'y']
  t.match(await engine.json('/v1/embeddings', { body: { input: ['q', 'r'] } }), { data: [{ embedding: Array }, { index: 1 }] })
  t.match(await engine.json('/v2/embed', { body: { texts: ['q'] } }), { embeddings: { float: [Array] } })
  t.match(await engine.json('/pooling', { body: { input: 'q' } }), { data: [{ data: Array }] })
  t.match(await engine.json('/classify', { body: { input: 'q' } }), { data: [{ label: /LABEL/, probs: [Number, Number] }] })
  for (const path of ['/score', '/v1/score']) t.match(await engine.json(path, { body: { text_1: 'q', text_2: documents } }), { data: [{ score: Number }, { score: Number }] })
  for (const path of ['/rerank', '/v1/rerank', '/v2/rerank']) t.match(await engine.json(path, { body: { query: 'q', documents } }), { results: [{ relevance_score: Number }, {}] })
  t.match(await engine.json('/detokenize', { body: { tokens: (await engine.json('/tokenize', { body: { prompt: 'grüß' } })).tokens } }), { prompt: 'grüß' })
  t.match(await engine.json('/v1/messages/count_tokens', { body: chat('q') }), { input_tokens: Number })
  t.match(await engine.json('/v1/completions/render', { body: { prompt: 'q' } }), { prompt: 'q' })
  const form = '--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nb\r\n--X\r\nContent-Disposition: form-data; name="file"; filename="f.wav"\r\n\r\n12345\r\n--X--\r\n'
  const headers = { 'content-type': 'multipart/form-data; boundary=X' }
  for (const kind of ['transcriptions', 'translations']) t.match(await engine.json(`/v1/audio/${kind}`, { body: form, headers }), { text: /asked=b.* f.wav 5 bytes/ })
})

t.test('the errors of a wrong body, an unknown model and an unknown path are those of vLLM', async (t) => {
  const engine = await start(t, ['--mock-task', 'generate'])
  const ask = async (body: unknown, path = '/v1/chat/completions', headers = {}) => {
    const answer = await engine.call(path, { body, headers })
    return { status: answer.status, ...JSON.parse(answer.text) }
  }
  t.match(await ask('{"messages":'), { status: 400, error: { type: 'Bad Request', code: 400 } })
  t.match(await ask({ messages: 3 }), { status: 400, error: { type: 'BadRequestError' } })
  t.match(await ask({}, undefined, { 'content-type': 'text/plain' }), { status: 400, error: { message: /Unsupported Media Type/ } })
  t.match(await ask({ ...chat('q'), model: 'c' }), { status: 404, error: { type: 'NotFoundError', param: 'model', code: 404 } })
  t.match(await ask({ ...chat('q'), model: undefined }), { status: 200, model: 'a' })
  t.match(await ask({ input: 'q' }, '/v1/embeddings'), { status: 404, detail: 'Not Found' })
  t.match(await ask({}, '/health'), { status: 405, detail: 'Method Not Allowed' })
  t.match(await ask({ prompt: 'q' }, '/v1/completions/render'), { status: 403 })
})

t.test('an API key guards /v1 and not the control endpoints', async (t) => {
  const engine = await start(t, [], { env: { VLLM_API_KEY: 'secret' } })
  t.equal((await engine.call('/v1/models')).status, 401)
  t.equal((await engine.call('/v1/models', { headers: { authorization: 'Bearer wrong' } })).status, 401)
  t.equal((await engine.call('/v1/models', { headers: { authorization: 'Bearer secret' } })).status, 200)
  t.equal((await engine.post('/sleep')).status, 200)
})

t.test('the control endpoints are there in development mode only', async (t) => {
  const engine = await start(t, [], { env: { VLLM_SERVER_DEV_MODE: '0' } })
  for (const path of ['/sleep', '/wake_up', '/collective_rpc', '/reset_prefix_cache']) t.equal((await engine.post(path)).status, 404, path)
  t.equal((await engine.call('/is_sleeping')).status, 404)
})

t.test('a LoRA adapter answers under its own name', async (t) => {
  const engine = await start(t, ['--lora-modules', 'tuned=/x/y'])
  t.equal((await engine.json('/v1/completions', { body: { model: 'tuned', prompt: 'q' } })).model, 'tuned')
  t.match(await engine.json('/v1/models'), { data: [{}, {}, { id: 'tuned', parent: 'a' }] })
})

t.test('unknown flags of vLLM are accepted with their values, unknown ones of the mock are not', async (t) => {
  await start(t, ['--max-model-len=8192', '--kv_cache_dtype', 'fp8', '-O3', '--limit-mm-per-prompt', '{"image":2}', '--trust-remote-code', '--seed', '-1'])
  const engine = await spawn(t, 'm', ['--mock-tokenms', '3'])
  t.match(await engine.exited, { code: 2 })
})

t.test('a request as it arrived can be read back, byte for byte', async (t) => {
  const engine = await start(t)
  const body = Buffer.from('{"model":"a", "prompt":"\\u00e9é", "seed":12345678901234567890,"seed":1}')
  const echo = await engine.json('/v1/completions', { body, headers: { 'x-mock-echo': '1', 'X-Odd': 'Yes' } })
  t.equal(Buffer.from(echo.base64, 'base64').toString(), body.toString())
  t.equal(echo.headers[echo.headers.indexOf('X-Odd') + 1], 'Yes', 'the case of names is kept')
  await engine.call('/v1/completions', { body })
  const [latest] = (await engine.json('/mock/requests')).filter(({ url }: { url: string }) => url === '/v1/completions')
  t.equal(latest.sha256, createHash('sha256').update(body).digest('hex'))
})

t.test('sleeping and waking are no-ops where there is nothing to do', async (t) => {
  const engine = await start(t, sleepMode)
  t.match(await engine.json('/is_sleeping'), { is_sleeping: false })
  t.equal((await engine.post('/wake_up')).status, 200)
  t.match(await engine.json('/sleep', { method: 'POST' }), { status: 'sleeping', level: 1 })
  t.equal((await engine.post('/sleep?level=2')).status, 200)
  t.match(await engine.json('/is_sleeping'), { is_sleeping: true })
  t.equal((await engine.call('/health')).status, 200)
  t.equal((await engine.call('/tokenize', { body: { prompt: 'q' } })).status, 200)
  t.match((await engine.call('/metrics')).text, /vllm:engine_sleep_state\{.*sleep_state="awake"\} 0/)
  await engine.post('/wake_up')
  t.match((await engine.json('/v1/completions', { body: { prompt: 'q' } })).choices[0].text, 'served=a', 'a second level changed nothing')
  for (const query of ['level=3', 'level=x', 'mode=now']) t.equal((await engine.post(`/sleep?${query}`)).status, 400, query)
})

t.test('a request to a sleeper gets no byte until the wake, and a second sleep aborts it', async (t) => {
  const engine = await start(t, sleepMode)
  await engine.post('/sleep')
  let answered = 0
  const ask = () => engine.call('/v1/completions', { body: { prompt: 'q' } }).then((answer) => { answered += 1; return answer })
  const first = ask()
  await until('the request waits', async () => (await engine.json('/mock/state')).waiting === 1)
  await engine.post('/sleep?mode=abort')
  t.match(JSON.parse((await first).text), { choices: [{ finish_reason: 'abort' }] })
  const second = ask()
  await until('the request waits', async () => (await engine.json('/mock/state')).waiting === 1)
  t.equal(answered, 1)
  await engine.post('/wake_up')
  t.match(JSON.parse((await second).text), { choices: [{ finish_reason: 'stop' }] })
})

t.test('level 2 gives garbage until the weights are reloaded, and sleeps until the last tag is back', async (t) => {
  const engine = await start(t, sleepMode)
  const text = async () => (await engine.json('/v1/completions', { body: { prompt: 'q', temperature: 0 } })).choices[0].text
  const before = await text()
  await engine.post('/sleep?level=2')
  await engine.post('/wake_up')
  t.match(await text(), /^!+$/)
  await engine.post('/sleep?level=2')
  t.match(await engine.json('/wake_up?tags=weights', { method: 'POST' }), { status: 'sleeping', tags: ['weights'] })
  t.match(await engine.json('/is_sleeping'), { is_sleeping: true })
  const early = text()
  t.match(await engine.json('/collective_rpc', { body: { method: 'reload_weights' } }), { results: [null] })
  t.match(await engine.json('/wake_up?tags=kv_cache', { method: 'POST' }), { status: 'awake' })
  t.match(await engine.json('/is_sleeping'), { is_sleeping: false })
  t.match(await engine.json('/reset_prefix_cache', { method: 'POST' }), { success: true })
  t.equal(await text(), before)
  t.equal(await early, before, 'what came while it slept is answered with the new weights')
})

t.test('in flight at a sleep: abort ends it, wait lets it end, keep freezes it', async (t) => {
  const engine = await start(t, sleepMode)
  const aborted = await openStream(engine)
  t.equal((await engine.post('/sleep?mode=abort')).status, 200)
  await aborted.done
  t.equal(aborted.finishReason, 'abort')
  t.ok(aborted.sawDone)
  await engine.post('/wake_up')

  const waited = await openStream(engine, chat('x', { stream: true, max_tokens: 60 }))
  t.equal((await engine.post('/sleep?mode=wait')).status, 200)
  await waited.done
  t.match(waited, { finishReason: 'length', sawDone: true })
  await engine.post('/wake_up')

  const kept = await openStream(engine, chat('x', { stream: true, max_tokens: 500 }))
  t.equal((await engine.post('/sleep?mode=keep')).status, 200)
  await standsStill(kept)
  t.match(await engine.json('/is_sleeping'), { is_sleeping: true })
  t.equal(kept.end, undefined)
  await engine.post('/wake_up')
  await kept.done
  t.match(kept, { finishReason: 'length', sawDone: true })
})

t.test('a sleep whose caller has left sleeps all the same', async (t) => {
  const engine = await start(t, sleepMode)
  const stream = await openStream(engine, chat('x', { stream: true, max_tokens: 500 }))
  const leave = new AbortController()
  const left = t.rejects(engine.post('/sleep?mode=wait', leave.signal))
  await until('the sleep waits', async () => (await engine.json('/mock/state')).paused)
  leave.abort()
  await left
  await stream.done
  t.equal(stream.finishReason, 'length')
  await until('it sleeps', async () => (await engine.json('/mock/state')).sleeping)
})

t.test('a client that leaves ends the work for it', async (t) => {
  const engine = await start(t)
  const leave = new AbortController()
  const reader = new StreamReader(await engine.open('/v1/chat/completions', { body: slowStream, signal: leave.signal }))
  await until('it runs', async () => (await engine.json('/mock/state')).running === 1)
  leave.abort()
  await reader.done
  await until('it is over', async () => (await engine.json('/mock/state')).running === 0)
})

t.test('EngineCore killed: an error, [DONE] and a clean end; then 500, 503, refused, gone', async (t) => {
  const engine = await start(t, ['-tp', '2', '--mock-dead-refuse-ms', '300', '--mock-dead-exit-ms', '600'])
  const stream = await openStream(engine)
  const whole = engine.call('/v1/chat/completions', { body: chat('x', { max_tokens: 100_000 }) })
  await until('both run', async () => (await engine.json('/mock/state')).running === 2)
  engine.kill('SIGKILL', engine.core)
  await stream.done
  t.equal(stream.end, 'ended')
  t.ok(stream.sawDone)
  t.match(stream.chunks.at(-1), { error: { type: 'InternalServerError', code: 500 } })
  t.equal(stream.finishReason, undefined)
  t.equal((await whole).status, 500)
  t.equal((await engine.call('/v1/chat/completions', { body: chat('x') })).status, 500)
  t.equal((await engine.call('/health')).status, 503)
  t.equal((await engine.call('/is_sleeping')).status, 500)
  t.match(await engine.exited, { code: 0 })
  await engine.gone()
})

t.test('a worker killed takes the engine with it', async (t) => {
  const engine = await start(t, ['--tensor-parallel-size', '2'])
  t.equal(engine.members.length, 4)
  const stream = await openStream(engine)
  engine.kill('SIGKILL', engine.member('VLLM::Worker').pid)
  await stream.done
  t.match(stream.chunks.at(-1), { error: { code: 500 } })
  await engine.gone()
})

t.test('the API server killed: streams break, EngineCore and workers live on with their memory', async (t) => {
  const gpu = gpuFor(t, 1000, 2)
  const engine = await start(t, ['-tp', '2', '--mock-memory', '600', '--mock-memory-lag', '0'], { env: gpu.env })
  const stream = await openStream(engine)
  engine.kill('SIGKILL', engine.pid)
  await stream.done
  t.equal(stream.end, 'broken')
  await until('the death is in the diary', () => gpu.records().some(({ event, role }) => event === 'died' && role === 'api-server'))
  // A process that dies closes its channel before it is gone.
  await until('only the API server is gone', () => engine.members.length === 3)
  t.same(await gpu.memory(), { used: 600, total: 1000 })
  engine.kill('SIGKILL')
  await engine.gone()
  t.same(await gpu.memory(), { used: 0, total: 1000 })
})

t.test('SIGTERM when idle ends everything, to the server or to the group', async (t) => {
  for (const toGroup of [false, true]) {
    const engine = await start(t, ['-tp', '2'])
    engine.kill('SIGTERM', toGroup ? -engine.pid : engine.pid)
    t.match(await engine.closed, { code: 0 })
    await engine.gone()
    t.notMatch(engine.output, 'died unexpectedly')
  }
})

t.test('SIGTERM with a stream in flight: the engine goes, the stream neither goes on nor breaks', async (t) => {
  const engine = await start(t)
  const leave = new AbortController()
  const stream = new StreamReader(await engine.open('/v1/chat/completions', { body: slowStream, signal: leave.signal }))
  await until('it has begun', () => stream.text.length > 0)
  engine.kill('SIGTERM')
  await until('only the server is left', () => engine.members.length === 1)
  t.notOk(await engine.isHealthy())
  await standsStill(stream)
  t.equal(stream.end, undefined)
  leave.abort()
  t.match(await engine.exited, { code: 0 })
})

t.test('EngineCore stopped: healthy, deaf, silent; continued, it goes on', async (t) => {
  const engine = await start(t)
  const stream = await openStream(engine, chat('x', { stream: true, max_tokens: 500 }))
  engine.kill('SIGSTOP', engine.core)
  await until('it stands', () => engine.member('VLLM::EngineCor').state === 'T')
  await t.rejects(engine.call('/is_sleeping', { signal: AbortSignal.timeout(100) }))
  t.equal((await engine.call('/health')).status, 200)
  await standsStill(stream)
  const late = engine.call('/v1/completions', { body: { prompt: 'q' } })
  await until('it waits', async () => (await engine.json('/mock/state')).running === 2)
  t.equal(stream.end, undefined)
  engine.kill('SIGCONT', engine.core)
  await stream.done
  t.equal(stream.finishReason, 'length')
  t.equal((await late).status, 200)
})

t.test('it listens on a unix socket alone, and does not start where a file is in its place', async (t) => {
  const uds = join(mkdtempSync(join(tmpdir(), 'mock-')), 's')
  const port = await freePort()
  const engine = await start(t, ['--port', String(port)], { listen: { uds } })
  t.ok(existsSync(uds))
  await t.rejects(new Promise((resolve, reject) => createConnection(port, '127.0.0.1').on('connect', resolve).on('error', reject)))
  engine.kill('SIGKILL')
  await engine.gone()
  const second = await EngineProcess.spawn({ command: mockCommand, model: 'm', listen: { uds } })
  t.teardown(() => second.destroy())
  t.match(await second.closed, { code: 1 })
  t.match(second.output, 'OSError: [Errno 98] Address already in use')
})

t.test('a taken port, a missing model and a start that fails on purpose end with their words', async (t) => {
  const first = await start(t)
  const port = first.child.spawnargs.at(first.child.spawnargs.indexOf('--port') + 1) as string
  const second = await spawn(t, 'm', ['--port', port])
  t.match(await second.closed, { code: 1 })
  t.match(second.output, 'Address already in use')
  const third = await spawn(t, '/no/such/model', [])
  t.match(await third.closed, { code: 1 })
  const fourth = await spawn(t, 'm', ['--mock-fault', 'start=exit@7'])
  t.match(await fourth.closed, { code: 7 })
  const fifth = await spawn(t, 'm', ['--mock-fault', 'start=die'])
  t.match(await fifth.closed, { code: 1 })
  t.match(fifth.output, 'Engine core initialization failed')
})

t.test('the GPU is shared: start and wake fail for lack of memory, and memory comes back', async (t) => {
  const gpu = gpuFor(t)
  const flags = (mib: number) => [...sleepMode, '--mock-memory', String(mib), '--mock-residue', '50', '--mock-memory-lag', '20']
  const one = await start(t, ['--mock-name', 'one', ...flags(800)], { env: gpu.env })
  t.same(await gpu.memory(), { used: 800, total: 1000 })
  const refused = await spawn(t, 'm', ['--mock-name', 'two', ...flags(800)], gpu.env)
  t.match(await refused.closed, { code: 1 })
  t.match(refused.output, /ValueError: Free memory on device .* is less than desired GPU memory utilization/)
  await one.post('/sleep')
  t.same(await gpu.memory(), { used: 50, total: 1000 })
  const two = await start(t, ['--mock-name', 'two', ...flags(800)], { env: gpu.env })
  t.equal((await one.post('/wake_up')).status, 500)
  t.match(await one.json('/is_sleeping'), { is_sleeping: true })
  two.kill('SIGKILL')
  await two.gone()
  await until('the memory is back, but for what the failed wake had mapped', async () => (await gpu.memory()).used === 200)
  const again = await one.post('/wake_up')
  t.match({ status: again.status, text: again.text }, { status: 500, text: /invalid argument/ }, 'nothing but its end helps it any more')
  t.equal((await one.post('/sleep')).status, 200)
  t.equal((await one.call('/health')).status, 200)
})

t.test('without --enable-sleep-mode sleeping frees nothing; the utilization must be free at the start', async (t) => {
  const gpu = gpuFor(t)
  const engine = await start(t, ['--gpu-memory-utilization', '0.5', '--mock-residue', '30'], { env: gpu.env })
  await engine.post('/sleep')
  t.same(await gpu.memory(), { used: 500, total: 1000 })
  const refused = await spawn(t, 'm', ['--gpu-memory-utilization', '0.6', '--mock-memory', '100'], gpu.env)
  t.match(await refused.closed, { code: 1 })
})

t.test('the diary tells who got what, and in which state', async (t) => {
  const gpu = gpuFor(t)
  const engine = await start(t, [...sleepMode, '--mock-memory', '100'], { env: gpu.env })
  await engine.call('/v1/completions', { body: { prompt: 'q' } })
  await engine.post('/sleep?level=1&mode=wait')
  const late = engine.call('/v1/completions', { body: { prompt: 'late' } })
  await until('it waits', async () => (await engine.json('/mock/state')).waiting === 1)
  await engine.post('/wake_up')
  await late
  engine.kill('SIGTERM')
  await engine.gone()
  const records = gpu.records()
  t.same(records.map(({ event }) => event), ['starting', 'started', 'request', 'finished', 'sleeping', 'slept', 'request', 'waking', 'woke', 'finished', 'stopping', 'ended'])
  t.match(records.filter(({ event }) => event === 'request'), [{ state: 'awake', prompt: 'q' }, { state: 'asleep', prompt: 'late' }])
  t.ok(records.every(({ engine: name, t: time }) => name === 'a' && time > 1e12))
})

t.test('faults of sleep, wake and reload', async (t) => {
  const engine = await start(t, [...sleepMode, '--mock-fault', 'sleep=500*1,wake=oom*1'])
  t.equal((await engine.post('/sleep')).status, 500)
  t.equal((await engine.post('/sleep?level=2')).status, 200)
  t.equal((await engine.call('/collective_rpc', { body: { method: 'reload_weights' } })).status, 500, 'the weights are asleep')
  t.match(await engine.json('/wake_up', { method: 'POST' }), { error: { message: /out of memory/, code: 500 } })
  t.equal((await engine.post('/wake_up')).status, 200)
  const setFaults = (faults: object) => engine.json('/mock/faults', { body: faults })
  await setFaults({ reload: '500*1', reset: '500*1', sleep: { kind: 'hang' } })
  t.equal((await engine.call('/collective_rpc', { body: { method: 'reload_weights' } })).status, 500)
  t.equal((await engine.post('/reset_prefix_cache')).status, 500)
  t.equal((await engine.call('/mock/faults', { body: { nonsense: 'x' } })).status, 400)
  const hanging = t.rejects(engine.post('/sleep', AbortSignal.timeout(2000)))
  await until('the sleep has begun', async () => (await engine.json('/mock/state')).paused)
  await t.rejects(engine.call('/is_sleeping', { signal: AbortSignal.timeout(100) }), 'while the engine is busy')
  await hanging
})

t.test('faults of requests: death before the first byte, in mid-stream, by poison; stall; cut', async (t) => {
  const engine = await start(t, ['--mock-fault', 'poison=die@arsenic'])
  const stream = async (fault: string) => new StreamReader(await engine.open('/v1/chat/completions', { body: slowStream, headers: { 'x-mock-fault': fault } }))
  const stalled = await stream('stream=stall@3')
  await until('it stalls', () => stalled.chunks.length === 4)
  const cut = await stream('stream=cut@3')
  await cut.done
  t.match([cut.end, cut.chunks.length], ['broken', 4])
  t.equal((await engine.call('/v1/completions', { body: { prompt: 'x' }, headers: { 'x-mock-fault': 'request=500' } })).status, 500)
  t.equal(stalled.chunks.length, 4)
  t.equal((await engine.call('/v1/completions', { body: { prompt: 'some arsenic' } })).status, 500)
  await stalled.done
  t.match(stalled.chunks.at(-1), { error: {} })
  await engine.gone()

  const second = await start(t)
  const dying = new StreamReader(await second.open('/v1/chat/completions', { body: slowStream, headers: { 'x-mock-fault': 'stream=api-die@5' } }))
  await dying.done
  t.match([dying.end, dying.chunks.length], ['broken', 6])
})

t.test('deaf, hanging and sick health', async (t) => {
  const engine = await start(t, [], { env: { MOCK_VLLM_FAULT: 'is_sleeping=hang' } })
  const setFaults = (faults: object) => engine.json('/mock/faults', { body: faults })
  await t.rejects(engine.call('/is_sleeping', { signal: AbortSignal.timeout(50) }))
  await setFaults({ is_sleeping: null, health: 'hang' })
  t.equal((await engine.call('/is_sleeping')).status, 200)
  await t.rejects(engine.call('/health', { signal: AbortSignal.timeout(50) }))
  await setFaults({ health: '503' })
  t.equal((await engine.call('/health')).status, 503)
})

t.test('a start that fails once succeeds the second time, when a file says so', async (t) => {
  const gpu = gpuFor(t)
  gpu.setFaults('m', { start: 'exit@3*1' })
  const first = await spawn(t, 'm', [], gpu.env)
  t.match(await first.exited, { code: 3 })
  const second = await EngineProcess.start({ command: mockCommand, model: 'm', env: gpu.env })
  t.teardown(() => second.destroy())
  t.equal((await second.call('/health')).status, 200)
})

t.test('SIGTERM can be ignored', async (t) => {
  const engine = await start(t, ['--mock-fault', 'sigterm=ignore'])
  engine.kill('SIGTERM')
  t.equal((await engine.call('/v1/completions', { body: { prompt: 'q' } })).status, 200)
  t.match((await engine.json('/mock/state')), { stopping: false })
})

t.test('the log has prefixes on both streams, colours unless told not to, and carriage returns', async (t) => {
  const engine = await start(t)
  // It answers before its last line has come through the pipe.
  await until('it says so', () => engine.output.includes('Application startup complete.'))
  t.match(engine.output, new RegExp(`\\(APIServer pid=${engine.pid}\\) INFO .* non-default args`))
  t.match(engine.output, /\(EngineCore pid=\d+\) INFO .* Starting to load model test\/model/)
  t.match(engine.output, /\rLoading safetensors checkpoint shards: +50% Completed \| 1\/2/)
  // eslint-disable-next-line no-control-regex
  t.notMatch(engine.output, /\x1b\[/)
  const coloured = await start(t, ['--mock-color'])
  // eslint-disable-next-line no-control-regex
  t.match(coloured.output, /\x1b\[0;36m\(APIServer/)
})

t.test('idle connections are closed after the keep-alive time, of which the answers say nothing', async (t) => {
  const engine = await start(t, [], { env: { VLLM_HTTP_TIMEOUT_KEEP_ALIVE: '1' } })
  t.equal((await engine.call('/health')).headers['keep-alive'], undefined)
  const port = Number(engine.child.spawnargs.at(engine.child.spawnargs.indexOf('--port') + 1))
  const socket = createConnection(port, '127.0.0.1')
  socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
  const text = await new Promise<string>((resolve) => {
    let all = ''
    socket.on('data', (chunk) => { all += String(chunk) }).on('close', () => resolve(all))
  })
  t.match(text, /^HTTP\/1.1 200 OK\r\n/)
})

t.test('the diary can be a file of its own, without a GPU', async (t) => {
  const file = join(mkdtempSync(join(tmpdir(), 'mock-')), 'diary')
  const engine = await start(t, ['--mock-record', file])
  await engine.call('/v1/completions', { body: { prompt: 'q' } })
  t.same(readRecords(file).map(({ event }) => event), ['starting', 'started', 'request', 'finished'])
})
