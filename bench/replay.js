/*
 * Two minutes of a trace through the real gateway with mock engines, against the same in the simulator: `npm run replay`.
 * Every snapshot that the gateway recorded is put to a policy made anew, which must decide the same; and the simulator's
 * mean wait must be within a tenth of the gateway's.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { between, readCsv, simulate } from 'fastify-llmux/simulator'
import { Pool } from 'undici'
import { createPolicy } from './helpers/internals.js'
import { mockCommand } from './helpers/programs.js'
import { recorded } from './report/traces.js'

/** Where both services are busy. Milliseconds. */
const begin = 8_600_000
const length = 120_000
/** Milliseconds: to sleep, and to wake. */
const costs = { sleep: 1_000, wake: 4_000 }
const maxConcurrency = 32

const arrivals = between(recorded()[0]?.arrivals ?? [], begin, begin + length)
const models = [...new Set(arrivals.map(({ model }) => model))]
const directory = mkdtempSync(join(tmpdir(), 'replay-'))
const recording = join(directory, 'requests.csv')
const decisions = join(directory, 'decisions.jsonl')
try {
  const { mean, awake } = await throughGateway()
  const policy = createPolicy('even-handed')
  const asked = readFileSync(decisions, 'utf8').trim().split('\n').map(line => JSON.parse(line))
  const different = asked.filter(({ snapshot, decision }) => JSON.stringify(policy(snapshot)) !== JSON.stringify(decision)).length
  const given = { policy: /** @type {const} */ ('even-handed'), costs: { switch: costs.sleep + costs.wake }, maxConcurrency, awake }
  const simulated = simulate({ ...given, arrivals }).mean
  const rerun = simulate({ ...given, arrivals: readCsv(readFileSync(recording, 'utf8')) }).mean
  console.log(`${arrivals.length} requests; ${asked.length} snapshots, ${different} decided differently when they were replayed
mean wait in the gateway ${Math.round(mean)} ms; in the simulator ${Math.round(simulated)} ms (${percent(simulated, mean)}), from what the gateway recorded ${Math.round(rerun)} ms (${percent(rerun, mean)})`)
  process.exitCode = different > 0 || Math.abs(simulated / mean - 1) > 0.1 ? 1 : 0
} finally {
  rmSync(directory, { recursive: true })
}

/** @param {number} value @param {number} base */
function percent (value, base) {
  return `${((value / base - 1) * 100).toFixed(1)} %`
}

async function throughGateway () {
  const app = Fastify()
  await app.register(llmux, {
    closeWithGrace: false,
    command: [...mockCommand],
    record: { arrivals: recording, decisions },
    models: Object.fromEntries(models.map(model => [model, { maxConcurrency, args: ['--mock-sleep-ms', String(costs.sleep), '--mock-wake-ms', String(costs.wake), '--mock-quiet'] }])),
    policy: 'even-handed'
  })
  const pool = new Pool(await app.listen({ port: 0, host: '127.0.0.1' }), { connections: 1024 })
  try {
    // All have been started, so that what follows are switches; the model that comes first is awake.
    const [first = ''] = arrivals.map(({ model }) => model)
    for (const model of [...models.filter(model => model !== first), first]) await app.llmux.switchTo(model)
    /** @type {number[]} */
    const waits = []
    app.llmux.events.on('request', ({ to, from, duration }) => { if (to === 'granted') waits.push(from === 'queued' ? duration : 0) })
    await Promise.all(arrivals.map(arrival => send(pool, arrival)))
    return { mean: waits.reduce((sum, wait) => sum + wait, 0) / waits.length, awake: first }
  } finally {
    await pool.destroy()
    await app.close()
  }
}

/** One token, which takes as long as the whole request in the trace. @param {Pool} pool @param {import('fastify-llmux/simulator').Arrival} arrival */
async function send (pool, { time, model, service }) {
  await delay(time)
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/v1/completions',
    headers: { 'content-type': 'application/json', 'x-mock-prompt-ms': String(Math.round(service)) },
    body: JSON.stringify({ model, prompt: 'a trace', max_tokens: 1 }),
    headersTimeout: 0
  })
  await body.dump()
  if (statusCode !== 200) throw new Error(`a request was answered ${statusCode}`)
}
