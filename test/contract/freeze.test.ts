import t from 'tap'
import type { Test } from 'tap'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { chat, isHeld, standsStill, startEngine, subject } from './engine-under-test.ts'

// What `mode=keep` is relied on for: an answer goes on after a sleep in its midst as if nothing had been.

const engine = await startEngine(t, { args: subject.hasDeviceMemory ? ['--enable-sleep-mode'] : [] })
const tokens = Math.min(subject.long / 2, 1_000)
const post = async (path: string, body?: unknown) => (await engine.call(path, { method: 'POST', ...(body !== undefined && { body }) })).status
const running = async () => Number(/^vllm:num_requests_running\{.*\} ([\d.]+)/m.exec((await engine.call('/metrics')).text)?.[1])

interface Question {
  name: string
  path: string
  body: Record<string, unknown>
  /** What else was in its batch decides between tokens that are nearly as likely: only that its text came is looked at. */
  isSampled?: boolean
}

const completion = { model: 'served', prompt: 'Tell me.', max_tokens: tokens, ignore_eos: true, temperature: 0 }
const questions: Question[] = [
  { name: 'chat', path: '/v1/chat/completions', body: chat(tokens) },
  { name: 'two choices', path: '/v1/chat/completions', body: chat(tokens, { n: 2, temperature: 1, seed: 7 }), isSampled: true },
  { name: 'logprobs', path: '/v1/chat/completions', body: chat(tokens, { logprobs: true, top_logprobs: 2 }) },
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

async function freeze (level: 1 | 2): Promise<void> {
  t.equal(await post(`/sleep?level=${level}&mode=keep`), 200)
  t.equal((await engine.json('/is_sleeping')).is_sleeping, true)
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

const askAll = () => Promise.all(questions.flatMap(question => [streamed(question), plain(question)]))

for (const level of levels) {
  t.test(`level ${level}: answers that are frozen twice in their midst are those of an engine left alone`, async t => {
    const expected = await askAll()
    const answers = askAll()
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

async function frozenStream (t: Test): Promise<StreamReader & { leave: () => void }> {
  const controller = new AbortController()
  const answer = await engine.open('/v1/chat/completions', { body: chat(subject.long, { stream: true }), signal: controller.signal })
  const reader = new StreamReader(answer)
  await until('the stream has begun', () => reader.chunks.length > 2, 60_000)
  await freeze(1)
  await standsStill(reader)
  t.equal(reader.end, undefined)
  return Object.assign(reader, { leave: () => controller.abort() })
}

t.test('a client that leaves while it is frozen is gone after the thaw', async t => {
  const reader = await frozenStream(t)
  reader.leave()
  await reader.done
  await thaw(1)
  await until('nothing runs', async () => await running() === 0, 60_000)
})

t.test('what is asked of a frozen engine waits for the thaw', async t => {
  const reader = await frozenStream(t)
  const asked = engine.call('/v1/chat/completions', { body: chat(2) })
  t.ok(await isHeld(asked))
  await thaw(1)
  t.equal((await asked).status, 200)
  await reader.done
  t.match({ reason: reader.finishReason, done: reader.sawDone }, { reason: 'length', done: true })
})
