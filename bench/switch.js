import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { Pool } from 'undici'
import { mockCommand } from './helpers/programs.js'
import { median, round, timed } from './helpers/statistics.js'

const flags = ['--mock-sleep-ms', '100', '--mock-wake-ms', '50', '--mock-token-ms', '0', '--mock-quiet']

/** Between two switches: nobody switches twice within it. What a gateway does in the background after one is over by then. Milliseconds. */
const pause = 500

/** @typedef {'a' | 'b'} Model */
/** @typedef {(from: Model, to: Model) => Promise<unknown>} Switch */

/**
 * A switch between two engines that take 100 ms to sleep and 50 ms to wake, back and forth, nothing else running: by the
 * same two calls made directly over the same sockets, by `switchTo`, and by a request to the model that sleeps, which
 * counts until its answer is whole. The last row is a gateway that can look at the GPU's memory, beside one that cannot.
 * @param {import('./run.js').Options} options
 */
export async function switching ({ quick }) {
  const { app, engine, url, close } = await setUp()
  const seeing = await setUp({ looks: true })
  /** @type {Array<{ by: string, way: Switch, beside?: string }>} */
  const ways = [
    { by: 'two calls', way: (from, to) => direct(engine, from, to) },
    { by: 'switchTo', way: (_from, to) => app.llmux.switchTo(to), beside: 'two calls' },
    {
      by: 'two calls and a request',
      way: async (from, to) => {
        await direct(engine, from, to)
        await chat(engine(to), to)
      }
    },
    { by: 'a request', way: (_from, to) => chat(url, to), beside: 'two calls and a request' },
    { by: 'switchTo, with a look at the GPU of 20 ms', way: (_from, to) => seeing.app.llmux.switchTo(to), beside: 'switchTo' }
  ]
  try {
    for (const { way } of ways) await thereAndBack(way)
    return rows(ways, await measure(ways, quick ? 3 : 20))
  } finally {
    await Promise.all([close(), seeing.close()])
  }
}

/** `looks`: the gateway looks at the GPU, which takes 20 ms, as it does with `nvidia-smi`. @param {{ looks?: boolean }} [options] */
async function setUp ({ looks = false } = {}) {
  /** @type {Map<string, Pool>} */
  const pools = new Map()
  const gpu = mkdtempSync(join(tmpdir(), 'llmux-bench-'))
  const seen = join(gpu, 'seen')
  writeFileSync(seen, '0, 80000\n')
  const args = [...flags, '--mock-gpu', gpu, '--mock-gpu-total', '80000', '--mock-memory', '65000']
  const engine = (/** @type {Model} */ model) => /** @type {Pool} */ (pools.get(model))
  const app = Fastify()
  await app.register(llmux, {
    closeWithGrace: false,
    models: { a: { args }, b: { args } },
    gpuMemoryCommand: looks && ['/bin/sh', '-c', `sleep 0.02; cat '${seen}'`],
    command ({ model, path, socket = '', args }) {
      pools.set(model, new Pool('http://engine', { connect: { socketPath: socket } }))
      return [...mockCommand, 'serve', path, '--uds', socket, '--enable-sleep-mode', ...args]
    }
  })
  const url = new Pool(await app.listen({ port: 0, host: '127.0.0.1' }))
  await app.llmux.switchTo('b')
  await app.llmux.switchTo('a')
  // One is awake, and each holds something.
  writeFileSync(seen, ['70000, 80000', ...app.llmux.status().models.map(({ pid }) => `process, 0, ${pid}, vllm, 2500`)].join('\n'))
  const close = async () => {
    await app.close()
    await Promise.all([engine('a'), engine('b'), url].map(pool => pool.destroy()))
    rmSync(gpu, { recursive: true })
  }
  return { app, engine, url, close }
}

/** Always an even number of switches, so that llmux never learns of those it did not make. @param {Switch} way */
async function thereAndBack (way) {
  const there = await timed(() => way('a', 'b'))
  await delay(pause)
  const back = await timed(() => way('b', 'a'))
  await delay(pause)
  return (there + back) / 2
}

/** @param {Array<{ by: string, way: Switch }>} ways @param {number} rounds */
async function measure (ways, rounds) {
  /** @type {Record<string, number[]>} */
  const samples = {}
  for (let round = 0; round < rounds; round++) {
    for (const { by, way } of ways) (samples[by] ??= []).push(await thereAndBack(way))
  }
  return samples
}

/** @param {(model: Model) => Pool} engine @param {Model} from @param {Model} to */
async function direct (engine, from, to) {
  await post(engine(from), '/sleep?level=1&mode=wait')
  await post(engine(to), '/wake_up')
}

/** @param {Pool} pool @param {Model} model */
async function chat (pool, model) {
  await post(pool, '/v1/chat/completions', { model, max_tokens: 8, messages: [{ role: 'user', content: 'Hi' }] })
}

/** @param {Pool} pool @param {string} path @param {object} [body] */
async function post (pool, path, body) {
  const headers = { 'content-type': 'application/json' }
  const response = await pool.request({ method: 'POST', path, headers, ...(body && { body: JSON.stringify(body) }) })
  const text = await response.body.text()
  if (response.statusCode !== 200) throw new Error(`${path} answered ${response.statusCode}: ${text}`)
}

/** Each way through llmux beside its yardstick, round by round. @param {Array<{ by: string, beside?: string }>} ways @param {Record<string, number[]>} samples */
function rows (ways, samples) {
  const of = (/** @type {string} */ by) => /** @type {number[]} */ (samples[by])
  return ways.map(({ by, beside }) => {
    const added = beside === undefined ? undefined : of(by).map((ms, round) => ms - /** @type {number} */ (of(beside)[round]))
    return { 'switch by': by, ms: round(median(of(by))), 'ms added': added ? round(median(added)) : '', aim: added ? '≤ 5' : '' }
  })
}
