import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { Pool } from 'undici'
import { engineCommand } from './helpers/programs.js'
import { median, round, timed } from './helpers/statistics.js'

const healthyMs = ['--healthy-ms', '200']
/** Milliseconds. */
const directPause = 3

/**
 * The first request to an engine that is healthy 200 ms after its start: what llmux adds over spawning the same program,
 * asking for its health every few milliseconds and sending the request to it directly.
 * @param {import('./run.js').Options} options
 */
export async function firstRequest ({ quick }) {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  const app = Fastify()
  await app.register(llmux, { closeWithGrace: false, command: [...engineCommand], models: { bench: { args: healthyMs } } })
  const gateway = new Pool(await app.listen({ port: 0, host: '127.0.0.1' }))
  /** @type {number[][]} */
  const samples = []
  try {
    for (let round = 0; round < (quick ? 4 : 25); round++) {
      samples.push([await direct(join(directory, 'engine.sock')), await timed(() => post(gateway))])
      await app.llmux.stop()
    }
  } finally {
    await app.close()
    await gateway.destroy()
    rmSync(directory, { recursive: true })
  }
  // The first pays for what is compiled and connected.
  return rows(samples.slice(1))
}

/** @param {string} socketPath */
async function direct (socketPath) {
  const pool = new Pool('http://engine', { connect: { socketPath } })
  const [program = '', ...args] = [...engineCommand, 'serve', 'bench', '--uds', socketPath, ...healthyMs]
  const begin = performance.now()
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    while (!await isHealthy(pool)) await delay(directPause)
    await post(pool)
    return performance.now() - begin
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
    await pool.destroy()
    rmSync(socketPath, { force: true })
  }
}

/** @param {Pool} pool */
async function isHealthy (pool) {
  try {
    const { statusCode, body } = await pool.request({ method: 'GET', path: '/health' })
    await body.dump()
    return statusCode === 200
  } catch {
    // It does not listen yet.
    return false
  }
}

/** @param {Pool} pool */
async function post (pool) {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'content-type': 'application/json', 'x-bench': '{"bytes":2048}' },
    body: JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: 'Hi' }] })
  })
  await body.dump()
  if (statusCode !== 200) throw new Error(`the request was answered ${statusCode}`)
}

/** @param {number[][]} samples */
function rows (samples) {
  const [direct, ours] = [0, 1].map(index => samples.map(pair => /** @type {number} */ (pair[index])))
  const added = samples.map(([direct = NaN, ours = NaN]) => ours - direct)
  return [
    { 'first request': 'started and polled directly', ms: round(median(direct ?? [])), 'ms added': '', aim: '' },
    { 'first request': 'llmux', ms: round(median(ours ?? [])), 'ms added': round(median(added)), aim: '≤ 50' }
  ]
}
