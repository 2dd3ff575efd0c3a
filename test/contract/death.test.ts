import t, { type Test } from 'tap'
import { until, type EngineProcess } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { chat, isHeld, standsStill, startEngine, streamInFlight, subject } from './engine-under-test.ts'

/** The time after which the rest of a dead engine is gone by itself. */
const linger = 30_000

/** How vLLM ends a stream when its engine dies: an error, then as if all were well. */
async function brokenByDeath (t: Test, stream: StreamReader) {
  await stream.done
  t.equal(stream.end, 'ended', 'the end is clean')
  t.ok(stream.sawDone, '[DONE] proves nothing')
  t.match(stream.chunks.at(-1), { error: { code: 500 } })
  t.equal(stream.finishReason, undefined, 'but no reason was given')
}

const refused = (engine: EngineProcess) => until('connections are refused', async () => {
  try {
    await engine.call('/health', { signal: AbortSignal.timeout(2000) })
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  }
}, linger)

/** On a busy machine a killed process lives on for a moment. */
async function killCore (engine: EngineProcess) {
  const { core } = engine
  engine.kill('SIGKILL', core)
  await until('EngineCore is gone', () => !engine.members.some(({ pid }) => pid === core))
}

t.test('EngineCore killed in mid-stream: each route ends in its own way', async (t) => {
  const engine = await startEngine(t)
  const open = async (path: string, body: object) => new StreamReader(await engine.open(path, { body: { ...body, ignore_eos: true, stream: true } }))
  const completion = await open('/v1/completions', { prompt: 'x', max_tokens: subject.long })
  const message = await open('/v1/messages', chat(subject.long))
  const response = await open('/v1/responses', { input: 'x', max_output_tokens: subject.long })
  const wholes = [engine.call('/v1/chat/completions', { body: chat(subject.long) }), engine.call('/v1/messages', { body: chat(subject.long) })]
  const stream = await streamInFlight(engine)
  await until('all have begun', () => [completion, message, response].every(({ events }) => events.length > 4))
  await killCore(engine)
  await brokenByDeath(t, stream)
  await brokenByDeath(t, completion)
  await message.done
  t.equal(message.end, 'ended')
  // 0.17 goes on to OpenAI's end.
  t.match(message.events.at(subject.isOld ? -2 : -1), { event: 'error', data: /"type":"error"/ })
  t.equal(message.sawDone, subject.isOld)
  await response.done
  t.equal(response.end, 'broken', '/v1/responses breaks without a word')
  const [chatAnswer, messageAnswer] = await Promise.all(wholes)
  t.match(chatAnswer, { status: 500, text: /^\{"error":.*"code":500/ }, 'what is not a stream gets a 500')
  t.match(messageAnswer, { status: 500, text: /^\{"type":"error"/ })
  await refused(engine)
  await engine.gone(linger)
  t.match(await engine.exited, { code: 0 }, 'a dead engine exits with code 0')
})

t.test('EngineCore killed when idle: 500 and 503 until connections are refused, and the rest follows', async (t) => {
  const engine = await startEngine(t)
  await killCore(engine)
  const seen = new Set<string | number>()
  const ask = async (what: string, call: Promise<{ status: number }>) => {
    const outcome = await call.then(({ status }) => status, () => 'refused')
    seen.add(`${what} ${outcome}`)
    return outcome
  }
  // A control call is not made: one that is under way when the death is noticed hangs, see below.
  while (await ask('health', engine.call('/health')) !== 'refused') await ask('chat', engine.call('/v1/chat/completions', { body: chat(2) }))
  t.same([...seen].filter((outcome) => !['health 200', 'health 503', 'health refused', 'chat 500', 'chat refused'].includes(String(outcome))), [])
  await engine.gone(linger)
  t.match(await engine.exited, { code: 0 })
})

t.test('EngineCore killed before the first token: a stream, whose 200 is out, gets the error all the same', async (t) => {
  const engine = await startEngine(t)
  await engine.post('/sleep')
  const stream = new StreamReader(await engine.open('/v1/chat/completions', { body: chat(2, { stream: true }) }))
  const whole = engine.call('/v1/chat/completions', { body: chat(2) })
  t.ok(await isHeld(whole))
  await killCore(engine)
  await brokenByDeath(t, stream)
  t.equal(stream.chunks.length, 1)
  t.equal((await whole).status, 500)
  await engine.gone(linger)
})

t.test('a control call under way when EngineCore dies is never answered, and keeps the API server from ending', async (t) => {
  const engine = await startEngine(t)
  engine.kill('SIGSTOP', engine.core)
  const hanging = engine.post('/sleep')
  hanging.catch(() => {}) // broken when the engine is destroyed
  t.ok(await isHeld(hanging))
  await killCore(engine)
  await refused(engine)
  t.ok(await isHeld(Promise.race([hanging, engine.exited])))
})

if (subject.hasWorker) {
  t.test('a worker killed in mid-stream takes the engine with it', async (t) => {
    const engine = await startEngine(t)
    const stream = await streamInFlight(engine)
    engine.kill('SIGKILL', engine.member('VLLM::Worker').pid)
    await brokenByDeath(t, stream)
    await refused(engine)
    await engine.gone(linger)
  })

  t.test('a worker killed when idle takes the engine with it', async (t) => {
    const engine = await startEngine(t)
    engine.kill('SIGKILL', engine.member('VLLM::Worker').pid)
    await refused(engine)
    await engine.gone(linger)
  })
}

t.test('the API server killed in mid-stream: the stream breaks, EngineCore, with its worker if it has one, lives on in the group', async (t) => {
  const engine = await startEngine(t)
  const { core } = engine
  const others = subject.hasWorker ? [core, engine.member('VLLM::Worker').pid] : [core]
  const stream = await streamInFlight(engine)
  engine.kill('SIGKILL', engine.pid)
  await stream.done
  t.equal(stream.end, 'broken')
  t.match(await engine.exited, { signal: 'SIGKILL' })
  await refused(engine)
  t.ok(await isHeld(engine.gone(600_000)))
  t.same(engine.members.map(({ pid }) => pid).filter((pid) => others.includes(pid)), others)
  engine.kill('SIGKILL')
  await engine.gone()
})

t.test('SIGTERM to the server when idle ends the group', async (t) => {
  const engine = await startEngine(t)
  engine.kill('SIGTERM', engine.pid)
  t.match(await engine.exited, { code: 0 })
  await engine.gone(linger)
})

t.test('SIGTERM to the group when asleep ends the group', async (t) => {
  const engine = await startEngine(t)
  await engine.post('/sleep')
  engine.kill('SIGTERM')
  t.match(await engine.exited, { code: 0 })
  await engine.gone(linger)
})

t.test('SIGTERM with a stream in flight: the engine goes, the server waits for the stream, which neither goes on nor breaks', async (t) => {
  const engine = await startEngine(t)
  const leave = new AbortController()
  const stream = await streamInFlight(engine, leave.signal)
  // To the server alone: when the whole group gets it, the server may see its engine die before it has read the signal.
  engine.kill('SIGTERM', engine.pid)
  await until('EngineCore is gone', () => !engine.members.some(({ name }) => name.startsWith('VLLM::')), linger)
  await refused(engine)
  await standsStill(stream)
  t.equal(stream.end, undefined)
  t.ok(engine.members.some(({ pid }) => pid === engine.pid))
  leave.abort()
  await engine.gone(linger)
})

t.test('EngineCore stopped: healthy forever, deaf, silent; continued, it goes on', async (t) => {
  const engine = await startEngine(t)
  const stream = await streamInFlight(engine)
  engine.kill('SIGSTOP', engine.core)
  await standsStill(stream)
  t.equal((await engine.call('/health')).status, 200)
  await t.rejects(engine.call('/is_sleeping', { signal: AbortSignal.timeout(2000) }))
  t.equal(stream.end, undefined)
  engine.kill('SIGCONT', engine.core)
  await stream.done
  t.equal(stream.finishReason, 'length')
  t.equal((await engine.call('/is_sleeping')).status, 200)
})
