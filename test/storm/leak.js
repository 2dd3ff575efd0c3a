// usage: node --expose-gc test/storm/leak.js [--requests 10000] [--switches 500]
// Heap and handles before and after that many requests and switches on mocks.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { Agent, request } from 'undici'

const mock = fileURLToPath(new URL('../../mock-vllm/bin.js', import.meta.url))
const { values } = parseArgs({ options: { requests: { type: 'string', default: '10000' }, switches: { type: 'string', default: '500' } } })
const switches = Number(values.switches)
const perSwitch = Math.ceil(Number(values.requests) / switches)
/** Not counted: what is compiled, cached or pooled once. */
const warmUp = Math.ceil(switches / 10)

const gpu = mkdtempSync(join(tmpdir(), 'leak-'))
const app = Fastify()
await app.register(llmux, {
  command: [process.execPath, mock],
  closeWithGrace: false,
  models: Object.fromEntries(['a', 'b'].map((name) => [name, { args: ['--mock-token-ms', '0', '--mock-default-tokens', '8'], env: { MOCK_VLLM_GPU: gpu } }]))
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })
const dispatcher = new Agent({ connections: 16 })

/** @param {string} model @param {boolean} stream */
async function ask (model, stream) {
  const answer = await request(`${url}/v1/chat/completions`, {
    method: 'POST',
    dispatcher,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'x'.repeat(1_000) }] })
  })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(text)
}

/** @param {number} rounds */
async function run (rounds) {
  for (let round = 0; round < rounds; round++) {
    const model = round % 2 === 0 ? 'a' : 'b'
    await Promise.all(Array.from({ length: perSwitch }, (_, index) => ask(model, index % 2 === 0)))
  }
}

function measure () {
  globalThis.gc?.()
  globalThis.gc?.()
  const resources = process.getActiveResourcesInfo()
  return { heapMiB: process.memoryUsage().heapUsed / 1024 ** 2, rssMiB: process.memoryUsage().rss / 1024 ** 2, resources: resources.length, timers: resources.filter((name) => name === 'Timeout').length }
}

try {
  await run(warmUp)
  const before = measure()
  await run(switches)
  const after = measure()
  console.log(`${switches * perSwitch} requests, ${switches} switches`)
  for (const name of /** @type {const} */ (['heapMiB', 'rssMiB', 'resources', 'timers'])) {
    console.log(`${name.padEnd(10)} ${before[name].toFixed(1).padStart(8)} → ${after[name].toFixed(1).padStart(8)}`)
  }
  console.log(JSON.stringify(app.llmux.status().models.map(({ name, state, inFlight, waiting }) => ({ name, state, inFlight, waiting }))))
} finally {
  await dispatcher.close()
  await app.close()
  rmSync(gpu, { recursive: true, force: true })
}
