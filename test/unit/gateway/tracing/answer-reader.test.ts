import { expect, test } from 'vitest'
import { AnswerReader } from '../../../../lib/gateway/tracing/answer-reader.ts'
import { loadTracing } from '../../../../lib/gateway/tracing/load.ts'

const json = { 'content-type': 'application/json' }
const events = { 'content-type': 'text/event-stream; charset=utf-8' }

function read (headers: Record<string, string>, ...chunks: string[]) {
  const reader = new AnswerReader()
  reader.begin({ statusCode: 200, headers })
  chunks.forEach(chunk => reader.add(Buffer.from(chunk)))
  return reader.attributes()
}

const data = (...values: object[]) => values.map(value => `data: ${JSON.stringify(value)}\n\n`).join('')
const usage = { prompt_tokens: 4, completion_tokens: 5 }

test('an answer of several choices, in pieces of any size', () => {
  const text = JSON.stringify({ id: 'x', model: 'm', choices: [{ index: 1, finish_reason: 'length' }, { index: 0, finish_reason: 'stop' }], usage })
  expect(read(json, text.slice(0, 20), text.slice(20))).toEqual({
    'gen_ai.response.id': 'x',
    'gen_ai.response.model': 'm',
    'gen_ai.response.finish_reasons': ['stop', 'length'],
    'gen_ai.usage.input_tokens': 4,
    'gen_ai.usage.output_tokens': 5
  })
})

test('the end of a long stream is enough, and what its text says of itself is not believed', () => {
  const lie = '"finish_reason":"none","usage":{"prompt_tokens":999}'
  const long = Array.from({ length: 2_000 }, () => data({ id: 'x', choices: [{ index: 0, delta: { content: lie }, finish_reason: null }] }))
  expect(read(events, ...long, data({ id: 'x', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }), data({ id: 'x', choices: [], usage }), 'data: [DONE]\n\n')).toEqual({
    'gen_ai.response.id': 'x', 'gen_ai.response.finish_reasons': ['stop'], 'gen_ai.usage.input_tokens': 4, 'gen_ai.usage.output_tokens': 5
  })
})

test('nothing is made of what is compressed, broken off, too long, or no JSON', () => {
  expect(read({ ...json, 'content-encoding': 'gzip' }, '{"usage":{"prompt_tokens":4}}')).toEqual({})
  expect(read(json, '{"usage":{"prompt_')).toEqual({})
  expect(read(json, '{"data":"', ...Array.from({ length: 70 }, () => 'x'.repeat(1024)), '","usage":{"prompt_tokens":4}}')).toEqual({})
  expect(read({ 'content-type': 'text/plain' }, '{"usage":{"prompt_tokens":4}}')).toEqual({})
  expect(read(events, data({ choices: null, usage: null, delta: 'x', message: 'y' }))).toEqual({})
})

test('without an SDK nobody traces', async () => {
  expect(await loadTracing({ providerOf: () => undefined, log: console as never })).toBeUndefined()
})
