import t from 'tap'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { answerOf, chat, isHeld, standsStill, startEngine, streamInFlight, subject } from './engine-under-test.ts'

const engine = await startEngine(t, { args: subject.hasDeviceMemory ? ['--enable-sleep-mode'] : [] })
const original = await answerOf(engine)

const status = async (path: string, body?: unknown) => (await engine.call(path, { method: 'POST', ...(body !== undefined && { body }) })).status
const isSleeping = async () => (await engine.json('/is_sleeping')).is_sleeping
const wake = async () => await status('/wake_up')
const reload = { method: 'reload_weights' }

t.test('level 1: asleep, healthy, listed, counted as asleep; awake again with the same answer', async (t) => {
  t.equal(await isSleeping(), false)
  t.equal(await status('/sleep?level=1'), 200)
  t.equal(await isSleeping(), true)
  t.equal((await engine.call('/health')).status, 200)
  t.equal((await engine.call('/v1/models')).status, 200)
  t.equal(await status('/tokenize', { prompt: 'x' }), 200, '/tokenize answers while it sleeps')
  t.match((await engine.call('/metrics')).text, /^vllm:engine_sleep_state\{.*sleep_state="awake"\} 0/m)
  t.equal(await wake(), 200)
  t.equal(await isSleeping(), false)
  t.equal(await answerOf(engine), original)
})

t.test('level 2: asleep until the last tag is back; with the reload the same answer', async (t) => {
  t.equal(await status('/sleep?level=2'), 200)
  t.equal(await status('/wake_up?tags=weights'), 200)
  t.equal(await isSleeping(), true)
  t.equal(await status('/collective_rpc', reload), 200)
  t.equal(await status('/wake_up?tags=kv_cache'), 200)
  t.equal(await isSleeping(), false)
  t.equal(await status('/reset_prefix_cache'), 200)
  t.equal(await answerOf(engine), original)
})

t.test(subject.hasDeviceMemory
  ? 'level 2 woken without the reload: 200, and garbage'
  : 'level 2 woken without the reload: 200; garbage cannot be shown on a CPU, which drops nothing', async (t) => {
  t.equal(await status('/sleep?level=2'), 200)
  t.equal(await wake(), 200)
  const answer = await answerOf(engine)
  if (subject.hasDeviceMemory) t.not(answer, original)
  else t.equal(answer, original)
  t.equal(await status('/collective_rpc', reload), 200)
  t.equal(await answerOf(engine), original)
})

t.test('both tags in one call wake it', async (t) => {
  t.equal(await status('/sleep?level=1'), 200)
  t.equal(await status('/wake_up?tags=weights&tags=kv_cache'), 200)
  t.equal(await isSleeping(), false)
})

t.test('no-ops: waking one that is awake, an unknown tag, sleeping a sleeper, another level on a sleeper', async (t) => {
  t.equal(await wake(), 200)
  t.equal(await status('/wake_up?tags=nonsense'), 200)
  t.equal(await isSleeping(), false)
  for (const query of ['level=1', 'level=1', 'level=2']) t.equal(await status(`/sleep?${query}`), 200, query)
  t.equal(await isSleeping(), true)
  t.equal(await status('/wake_up?tags=nonsense'), 200)
  t.equal(await isSleeping(), true)
  t.equal(await wake(), 200)
  t.equal(await answerOf(engine), original, 'level 2 on a sleeper at level 1 dropped nothing')
})

t.test('level 0 pauses: asleep by its own word, nothing freed, woken like the others', async (t) => {
  t.equal(await status('/sleep?level=0'), 200)
  t.equal(await isSleeping(), true)
  const held = engine.call('/v1/chat/completions', { body: chat(1) })
  t.ok(await isHeld(held))
  t.equal(await wake(), 200)
  t.equal((await held).status, 200)
})

t.test('a JSON body of /sleep is ignored', async (t) => {
  t.equal(await status('/sleep', { level: 7, mode: 'nonsense' }), 200)
  t.equal(await wake(), 200)
})

t.test(subject.isOld ? 'wrong parameters are 500, any level is 200' : 'wrong parameters are 400 and change nothing', async (t) => {
  for (const query of ['level=x', 'mode=nonsense']) t.equal(await status(`/sleep?${query}`), subject.isOld ? 500 : 400, query)
  t.equal(await isSleeping(), false)
  t.equal(await status('/sleep?level=9'), subject.isOld ? 200 : 400)
  t.equal(await isSleeping(), subject.isOld)
  t.equal(await wake(), 200)
  // Level 9 drops the weights as level 2 does.
  if (subject.isOld) t.equal(await status('/collective_rpc', reload), 200)
})

t.test('/collective_rpc: 400 for a bad body, 500 for a method that fails', async (t) => {
  t.equal(await status('/collective_rpc', '{'), 400)
  t.equal(await status('/collective_rpc', {}), 400)
  t.equal(await status('/collective_rpc', { method: 'no_such_method' }), 500)
  t.equal(await answerOf(engine), original)
})

t.test('mode=abort ends a stream at once, as if it were complete but for the reason', async (t) => {
  const stream = await streamInFlight(engine)
  t.equal(await status('/sleep?mode=abort'), 200)
  await stream.done
  t.match({ end: stream.end, done: stream.sawDone, reason: stream.finishReason }, { end: 'ended', done: true, reason: 'abort' })
  t.equal(await wake(), 200)
})

t.test('mode=abort ends what is not a stream with 200; only chat and completions say why', async (t) => {
  const ask = (path: string, body: object) => engine.json(path, { body })
  const answers = [
    ask('/v1/chat/completions', chat(subject.long)),
    ask('/v1/messages', chat(subject.long)),
    ask('/v1/responses', { input: 'x', max_output_tokens: subject.long, ignore_eos: true })
  ]
  await streamInFlight(engine)
  t.equal(await status('/sleep?mode=abort'), 200)
  const [completion, message, response] = await Promise.all(answers)
  t.match(completion, { choices: [{ finish_reason: 'abort' }] })
  t.notOk(message.stop_reason)
  t.match(response, { status: 'completed', incomplete_details: null }, 'not to be told from a whole one')
  t.equal(await wake(), 200)
})

t.test('mode=wait answers when the last stream has ended, whole', async (t) => {
  const stream = await streamInFlight(engine)
  t.equal(await status('/sleep?mode=wait'), 200)
  await stream.done
  t.match({ reason: stream.finishReason, done: stream.sawDone }, { reason: 'length', done: true })
  t.equal(await isSleeping(), true)
  t.equal(await wake(), 200)
})

t.test('mode=keep freezes a stream, which goes on after the wake, whole', async (t) => {
  const stream = await streamInFlight(engine)
  t.equal(await status('/sleep?mode=keep'), 200)
  await standsStill(stream)
  t.equal(stream.end, undefined)
  t.equal(await wake(), 200)
  await stream.done
  t.match({ reason: stream.finishReason, done: stream.sawDone }, { reason: 'length', done: true })
  t.equal(stream.chunks.filter(({ choices }) => choices.length > 0).length >= subject.long * 0.8, true, 'with all its tokens')
})

t.test('a request sent to a sleeper gets no byte until the wake', async (t) => {
  t.equal(await status('/sleep'), 200)
  const held = engine.call('/v1/chat/completions', { body: chat(2) })
  t.ok(await isHeld(held))
  t.equal(await wake(), 200)
  t.equal((await held).status, 200)
})

t.test('a stream asked of a sleeper has its 200 at once, and not a token until the wake', async (t) => {
  t.equal(await status('/sleep'), 200)
  const message = chat(2, { stream: true })
  const bodies = { '/v1/chat/completions': message, '/v1/messages': message, '/v1/completions': { prompt: 'x', max_tokens: 2, stream: true }, '/v1/responses': { input: 'x', max_output_tokens: 2, stream: true } }
  const readers = await Promise.all(Object.entries(bodies).map(async ([path, body]) => {
    const head = await engine.open(path, { body })
    t.equal(head.statusCode, 200)
    return new StreamReader(head)
  }))
  t.ok(await isHeld(Promise.race(readers.map(({ done }) => done))))
  // What it says by then is not the engine's word.
  t.same(readers.map(({ events }) => events.map(({ event }) => event)), [[], [], [], ['response.created', 'response.in_progress']])
  t.equal(await wake(), 200)
  for (const reader of readers) {
    await reader.done
    t.equal(reader.end, 'ended')
  }
})

t.test(subject.isOld ? 'a partial wake lets those that wait loose' : 'those that wait, wait for the last tag', async (t) => {
  t.equal(await status('/sleep'), 200)
  const held = engine.call('/v1/chat/completions', { body: chat(2) })
  t.ok(await isHeld(held))
  t.equal(await status('/wake_up?tags=weights'), 200)
  if (subject.isOld) t.equal((await held).status, 200)
  else t.ok(await isHeld(held))
  t.equal(await isSleeping(), true)
  t.equal(await status('/wake_up?tags=kv_cache'), 200)
  t.equal((await held).status, 200)
})

t.test('a second /sleep aborts what was sent to the sleeper', async (t) => {
  t.equal(await status('/sleep'), 200)
  const held = engine.json('/v1/chat/completions', { body: chat(2) })
  t.ok(await isHeld(held))
  t.equal(await status('/sleep'), 200)
  t.match(await held, { choices: [{ finish_reason: 'abort' }] })
  t.equal(await wake(), 200)
})

t.test('a client of a sleeper that leaves is forgotten', async (t) => {
  t.equal(await status('/sleep'), 200)
  const leave = new AbortController()
  const held = engine.call('/v1/chat/completions', { body: chat(2), signal: leave.signal })
  t.ok(await isHeld(held))
  leave.abort()
  await t.rejects(held)
  t.equal(await wake(), 200)
  t.equal(await answerOf(engine), original)
})

t.test('a /sleep?mode=wait whose caller gave up sleeps all the same when the stream has ended', async (t) => {
  const stream = await streamInFlight(engine)
  const leave = new AbortController()
  const left = t.rejects(engine.post('/sleep?mode=wait', leave.signal))
  await until('the sleep is under way', isSleeping)
  leave.abort()
  await left
  await stream.done
  t.equal(stream.finishReason, 'length')
  const held = engine.call('/v1/chat/completions', { body: chat(2) })
  t.ok(await isHeld(held))
  t.equal(await isSleeping(), true)
  t.equal(await wake(), 200)
  t.equal((await held).status, 200)
})
