import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { Pool } from 'undici'
import { mockCommand } from './helpers/programs.js'
import { median, round, timed } from './helpers/statistics.js'

const flags = ['--mock-sleep-ms', '30', '--mock-wake-ms', '50', '--mock-token-ms', '0', '--mock-quiet']

/** @typedef {'a' | 'b'} Model */
/** @typedef {(from: Model, to: Model) => Promise<unknown>} Switch */

/**
 * A switch between two engines that take 30 ms to sleep and 50 ms to wake, back and forth, nothing else running: by the
 * same two calls made directly over the same sockets, by `switchTo`, and by a request to the model that sleeps, which
 * counts until its answer is whole.
 * @param {import('./run.js').Options} options
 */
export async function switching ({ quick }) {
  const { app, engine, url } = await setUp()
  /** @type {Record<string, Switch>} */
  const ways = {
    'two calls': (from, to) => direct(engine, from, to),
    switchTo: (_from, to) => app.llmux.switchTo(to),
    'two calls and a request': async (from, to) => {
      await direct(engine, from, to)
      await chat(engine(to), to)
    },
    'a request': (_from, to) => chat(url, to)
  }
  try {
    for (const way of Object.values(ways)) await thereAndBack(way)
    return rows(await measure(ways, quick ? 5 : 40))
  } finally {
    await app.close()
    await Promise.all([engine('a'), engine('b'), url].map(pool => pool.destroy()))
  }
}

async function setUp () {
  /** @type {Map<string, Pool>} */
  const pools = new Map()
  const engine = (/** @type {Model} */ model) => /** @type {Pool} */ (pools.get(model))
  const app = Fastify()
  await app.register(llmux, {
    closeWithGrace: false,
    models: { a: { args: flags }, b: { args: flags } },
    command ({ model, path, socket = '', args }) {
      pools.set(model, new Pool('http://engine', { connect: { socketPath: socket } }))
      return [...mockCommand, 'serve', path, '--uds', socket, '--enable-sleep-mode', ...args]
    }
  })
  const url = new Pool(await app.listen({ port: 0, host: '127.0.0.1' }))
  await app.llmux.switchTo('b')
  await app.llmux.switchTo('a')
  return { app, engine, url }
}

/** Always an even number of switches, so that llmux never learns of those it did not make. @param {Switch} way */
async function thereAndBack (way) {
  return (await timed(() => way('a', 'b')) + await timed(() => way('b', 'a'))) / 2
}

/** @param {Record<string, Switch>} ways @param {number} rounds */
async function measure (ways, rounds) {
  /** @type {Record<string, number[]>} */
  const samples = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of Object.entries(ways)) (samples[name] ??= []).push(await thereAndBack(way))
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

/** @param {Record<string, number[]>} samples */
function rows (samples) {
  const entries = Object.entries(samples)
  return entries.map(([by, own], index) => {
    // Each way through llmux follows its own yardstick.
    const yardstick = index % 2 === 0 ? undefined : entries[index - 1]?.[1]
    const added = yardstick && own.map((ms, round) => ms - /** @type {number} */ (yardstick[round]))
    return { 'switch by': by, ms: round(median(own)), 'ms added': added ? round(median(added)) : '', aim: added ? '≤ 5' : '' }
  })
}
