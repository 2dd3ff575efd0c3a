// Tests of your own gateway, without a GPU, a port or a sleep: `node --test examples/inject-tests/`.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startMock } from 'fastify-llmux/mock'
import { buildApp } from './app.js'

const mock = startMock()
/** @type {Awaited<ReturnType<typeof buildApp>>} */
let app

before(async () => { app = await buildApp(mock.options) })
after(async () => {
  await app.close()
  mock.close()
})

/** @param {string} model @param {Record<string, string>} [headers] */
const ask = (model, headers = {}) => app.inject({
  method: 'POST', url: '/v1/chat/completions', headers, payload: { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 }
})

test('a model answers, and is the one that is awake afterwards', async () => {
  const response = await ask('qwen-14b')
  assert.equal(response.statusCode, 200)
  assert.equal(response.json().model, 'qwen-14b')
  assert.deepEqual(app.llmux.status().models.filter(({ state }) => state === 'awake').map(({ name }) => name), ['qwen-14b'])
})

test('a request that a hook refuses starts no engine', async () => {
  const response = await ask('gemma-12b')
  assert.equal(response.statusCode, 403)
  assert.equal(app.llmux.status().models.find(({ name }) => name === 'gemma-12b')?.state, 'stopped')
})

test('the next model takes the place of the one before it', async () => {
  const response = await ask('gemma-12b', { 'x-team': 'research' })
  assert.equal(response.statusCode, 200)
  assert.equal(app.llmux.status().models.find(({ name }) => name === 'qwen-14b')?.state, 'asleep')
})

test('a model that does not start is an error in the shape of OpenAI', async () => {
  await app.llmux.stop('qwen-14b')
  mock.setFaults('qwen-14b', { start: 'exit@1' })
  const response = await ask('qwen-14b')
  assert.equal(response.statusCode, 503)
  assert.equal(response.json().error.code, 'LLMUX_ERR_PROCESS_DIED')
  mock.setFaults('qwen-14b', {})
})
