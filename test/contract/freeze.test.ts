import t from 'tap'
import type { Test } from 'tap'
import { until, type EngineProcess } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { chat, isHeld, standsStill, startEngine, subject } from './engine-under-test.ts'

// What `mode=keep` is relied on for: an answer goes on after a sleep in its midst as if nothing had been.

const sleepMode = subject.hasDeviceMemory ? ['--enable-sleep-mode'] : []
const engine = await startEngine(t, { args: sleepMode })
// A tiny model says a thousand in some seconds, and a busy machine may take as long to look.
const tokens = Math.min(subject.long / 2, 2_000)
const post = async (path: string, body?: unknown, to = engine) => (await to.call(path, { method: 'POST', ...(body !== undefined && { body }) })).status
const running = async () => Number(/^vllm:num_requests_running\{.*\} ([\d.]+)/m.exec((await engine.call('/metrics')).text)?.[1])

interface Question {
  name: string
  path: string
  body: Record<string, unknown>
  /** The CPU build of 0.17.1 dies of it beside other requests: it looks for a driver of NVIDIA's. */
  isGrammar?: boolean
  /** What else was in its batch decides between tokens that are nearly as likely: only that its text came is looked at. */
  isSampled?: boolean
}

/** Many enough that the answer is as long as it may be: what is not said by a grammar would be random letters. */
const words = '(yes |no |maybe ){400}'
const completion = { model: 'served', prompt: 'Tell me.', max_tokens: tokens, ignore_eos: true, temperature: 0 }
const questions: Question[] = [
  { name: 'chat', path: '/v1/chat/completions', body: chat(tokens) },
  // Without a seed: on a CPU vLLM 0.32.0 dies of a seeded request whose prompt, or what is computed again of it, takes two steps.
  { name: 'two choices', path: '/v1/chat/completions', body: chat(tokens, { n: 2, temperature: 1 }), isSampled: true },
  { name: 'logprobs', path: '/v1/chat/completions', body: chat(tokens, { logprobs: true, top_logprobs: 2 }) },
  { name: 'structured output', path: '/v1/chat/completions', body: chat(tokens, { structured_outputs: { regex: words }, ignore_eos: false }), isGrammar: true },
  { name: 'completion', path: '/v1/completions', body: completion },
  { name: 'message', path: '/v1/messages', body: chat(tokens) },
  { name: 'response', path: '/v1/responses', body: { model: 'served', input: 'Tell me.', max_output_tokens: tokens, ignore_eos: true, temperature: 0 } }
]

/** All text of an answer, whatever its dialect and however it came. */
function textOf (value: unknown): string {
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value).map(([key, item]) => ['content', 'text', 'delta'].includes(key) && typeof item === 'string' ? item : textOf(item)).join('')
}

async function streamed ({ path, body }: Question): Promise<string> {
  const reader = new StreamReader(await engine.open(path, { body: { ...body, stream: true } }))
  await reader.done
  t.equal(reader.end, 'ended')
  // Responses end with the whole once more, in an event of its own.
  return textOf(reader.chunks.filter(({ type }) => !/\.(done|completed)$/.test(type ?? '')))
}

async function plain ({ path, body }: Question): Promise<string> {
  return textOf(await engine.json(path, { body }))
}

async function freeze (level: 1 | 2, of = engine): Promise<void> {
  t.equal(await post(`/sleep?level=${level}&mode=keep`, undefined, of), 200)
  t.equal((await of.json('/is_sleeping')).is_sleeping, true)
}

async function thaw (level: 1 | 2): Promise<void> {
  if (level === 1) {
    t.equal(await post('/wake_up'), 200)
    return
  }
  t.equal(await post('/wake_up?tags=weights'), 200)
  t.equal(await post('/collective_rpc', { method: 'reload_weights' }), 200)
  t.equal(await post('/wake_up?tags=kv_cache'), 200)
  t.equal(await post('/reset_prefix_cache'), 200)
}

/** Older ones let requests go on before the weights are back. */
const levels = subject.isOld ? [1] as const : [1, 2] as const

const mixes = subject.hasDeviceMemory || !subject.isOld
const batches = mixes ? [questions] : [questions.filter(({ isGrammar }) => !isGrammar), questions.filter(({ isGrammar }) => isGrammar)]

const askAll = (questions: readonly Question[]) => Promise.all(questions.flatMap(question => [streamed(question), plain(question)]))

for (const [level, questions] of levels.flatMap(level => batches.map(questions => [level, questions] as const))) {
  t.test(`level ${level}: answers that are frozen twice equal undisturbed ones, of ${questions.length} kinds`, async t => {
    const expected = await askAll(questions)
    const answers = askAll(questions)
    for (let round = 0; round < 2; round++) {
      await until('they run', async () => await running() > 0, 60_000)
      await freeze(level)
      await thaw(level)
    }
    for (const [index, answer] of (await answers).entries()) {
      const { name, isSampled } = questions[index >> 1]!
      const how = index % 2 === 0 ? 'as a stream' : 'at once'
      if (isSampled) t.equal(answer.length > 0, expected[index]!.length > 0, `${name}, ${how}`)
      else t.equal(answer, expected[index], `${name}, ${how}`)
    }
  })
}

for (const level of levels) {
  t.test(`level ${level}: requests that are frozen while their prompts are computed are answered as by an engine left alone`, async t => {
    // Each its own: what the cache of prefixes has is not computed.
    const bodies = [...'abcdefgh'].map(letter => ({ ...completion, prompt: `${level}${letter.repeat(subject.longPrompt)}`, max_tokens: 20, stream: true }))
    const readers: StreamReader[] = []
    const ask = async (body: object) => {
      const reader = new StreamReader(await engine.open('/v1/completions', { body, headers: { 'x-mock-prompt-ms': '500' } }))
      readers.push(reader)
      await reader.done
      return reader.content
    }
    const answers = Promise.all(bodies.map(ask))
    await until('they run', async () => await running() > 0, 60_000)
    await freeze(level)
    const begun = readers.filter(({ text }) => text !== '').length
    t.ok(begun < bodies.length, `${begun} had begun to be answered`)
    await thaw(level)
    const frozen = await answers
    t.same(frozen, await Promise.all(bodies.map(ask)))
    t.ok(readers.every(({ end, sawDone }) => end === 'ended' && sawDone))
  })
}

async function frozenStream (t: Test, engine: EngineProcess): Promise<StreamReader & { leave: () => void }> {
  const controller = new AbortController()
  const answer = await engine.open('/v1/chat/completions', { body: chat(subject.long, { stream: true }), signal: controller.signal })
  const reader = new StreamReader(answer)
  await until('the stream has begun', () => reader.chunks.length > 2, 60_000)
  await freeze(1, engine)
  await standsStill(reader)
  t.equal(reader.end, undefined)
  return Object.assign(reader, { leave: () => controller.abort() })
}

t.test('a client that leaves while it is frozen is gone after the thaw', async t => {
  const reader = await frozenStream(t, engine)
  reader.leave()
  await reader.done
  await thaw(1)
  await until('nothing runs', async () => await running() === 0, 60_000)
})

t.test('what is asked of a frozen engine waits for the thaw', async t => {
  const reader = await frozenStream(t, engine)
  const asked = engine.call('/v1/chat/completions', { body: chat(2) })
  t.ok(await isHeld(asked))
  await thaw(1)
  t.equal((await asked).status, 200)
  await reader.done
  t.match({ reason: reader.finishReason, done: reader.sawDone }, { reason: 'length', done: true })
})

t.test('EngineCore killed while an answer is frozen: its stream gets an error, and no reason for its end', async t => {
  const engine = await startEngine(t, { args: sleepMode })
  const reader = await frozenStream(t, engine)
  engine.kill('SIGKILL', engine.core)
  await reader.done
  t.match(reader.chunks.at(-1), { error: { code: 500 } })
  t.equal(reader.finishReason, undefined)
  await engine.gone(30_000)
})

t.test('an engine that is ended while an answer is frozen does not end it as if it were whole', async t => {
  const engine = await startEngine(t, { args: sleepMode })
  const reader = await frozenStream(t, engine)
  engine.kill('SIGTERM')
  await until('EngineCore is gone', () => !engine.members.some(({ name }) => name.startsWith('VLLM::EngineCor')), 60_000)
  // The API process may wait for the answer for ever.
  engine.kill('SIGKILL')
  await reader.done
  // A real one may still say that it gave up.
  t.ok([undefined, 'abort'].includes(reader.finishReason), reader.finishReason ?? 'no reason')
  await engine.gone(30_000)
})
