import { lengthOf } from './helpers/answers.js'
import { Child } from './helpers/child.js'
import { freePort } from './helpers/programs.js'
import { median, round } from './helpers/statistics.js'

/** @typedef {import('./helpers/answers.js').Answer} Answer */
/** @typedef {{ name: string, url: string, server?: Child }} Lane */
/** @typedef {{ rate: number, cpu: number }} Sample per second, and microseconds of the relay's own per thing */

/** What is asked for: `per` is how many of the things that are counted one answer has. @type {{ name: string, answer: Answer, per: number }[]} */
const loads = [
  { name: 'requests, 2 KB', answer: { bytes: 2048 }, per: 1 },
  { name: 'requests, 170 KB', answer: { bytes: 170 * 1024 }, per: 1 },
  { name: 'events, one by one', answer: { events: 256, batch: 1 }, per: 256 },
  { name: 'events, 16 at once', answer: { events: 2048, batch: 16 }, per: 2048 }
]

const connections = 32

/**
 * Requests and events per second: the engine directly, node:http in front of undici and nothing else (the ceiling), the same
 * in a route of Fastify, a bare @fastify/http-proxy, llmux. All over TCP, the client, the relay and the engine each in a
 * process of its own. Lanes take turns, and what is told is the median of the rounds' ratios.
 * @param {import('./run.js').Options} options
 */
export async function relay ({ quick, short = false, profile }) {
  const [rounds, ms] = quick || short ? [3, 700] : [24, 1000]
  const { lanes, client, close } = await setUp(profile)
  const rows = []
  try {
    if (!quick) for (const lane of lanes) await warmUp(client, lane)
    for (const load of loads) {
      /** @type {Map<string, Sample[]>} */
      const samples = new Map(lanes.map(({ name }) => [name, []]))
      for (let round = 0; round < rounds; round++) {
        // Who goes first changes, or one would always follow the same other.
        const first = round % lanes.length
        for (const lane of [...lanes.slice(first), ...lanes.slice(0, first)].filter(({ name }) => load.answer.events === undefined || name !== 'fastify')) samples.get(lane.name)?.push(await sample(client, lane, load, ms))
      }
      for (const [name, own] of samples) if (own.length > 0) rows.push(row(load.name, name, own, samples.get('ceiling') ?? []))
    }
  } finally {
    await close()
  }
  return rows
}

/** @param {string | undefined} profile */
async function setUp (profile) {
  const enginePort = await freePort()
  const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const llmux = await Child.start('relay-server.js', { kind: 'llmux', enginePort }, execArgv)
  const bare = await Child.start('relay-server.js', { kind: 'bare', enginePort }, execArgv)
  const top = await Child.start('relay-server.js', { kind: 'ceiling', enginePort }, execArgv)
  const route = await Child.start('relay-server.js', { kind: 'fastify', enginePort }, execArgv)
  const client = await Child.start('load.js', {})
  /** @type {Lane[]} */
  const lanes = [
    { name: 'engine', url: `http://127.0.0.1:${enginePort}` },
    { name: 'ceiling', url: await top.call('url'), server: top },
    { name: 'fastify', url: await route.call('url'), server: route },
    { name: 'http-proxy', url: await bare.call('url'), server: bare },
    { name: 'llmux', url: await llmux.call('url'), server: llmux }
  ]
  return { lanes, client, close: () => Promise.all([client, bare, top, route, llmux].map(child => child.stop())) }
}

/** Until then V8 is still compiling, and the relay that has the most to compile looks the worst. Requests. */
const warm = 50_000

/** @param {Child} client @param {Lane} lane */
async function warmUp (client, { url }) {
  for (let done = 0; done < warm;) done += (await client.call('flood', { url, answer: { bytes: 2048 }, connections, ms: 2000 })).all
}

/** @param {Child} client @param {Lane} lane @param {typeof loads[number]} load @param {number} ms @returns {Promise<Sample>} */
async function sample (client, { url, server }, { answer, per }, ms) {
  const cpu = async () => {
    const { user, system } = await server?.call('cpu') ?? { user: NaN, system: NaN }
    return user + system
  }
  const before = await cpu()
  const { bytes, all, seconds } = await client.call('flood', { url, answer, connections, ms })
  const after = await cpu()
  return { rate: bytes / lengthOf(answer) * per / seconds, cpu: (after - before) / (all * per) }
}

/** @param {string} load @param {string} lane @param {Sample[]} own @param {Sample[]} top */
function row (load, lane, own, top) {
  const ratio = (/** @type {(sample: Sample) => number} */ of) => round(median(own.map((sample, index) => of(sample) / of(/** @type {Sample} */ (top[index])))))
  return {
    load,
    through: lane,
    'per second': Math.round(median(own.map(({ rate }) => rate))),
    'to the ceiling': ratio(({ rate }) => rate),
    'CPU µs each': lane === 'engine' ? '' : round(median(own.map(({ cpu }) => cpu))),
    'CPU to the ceiling': lane === 'engine' ? '' : ratio(({ cpu }) => cpu)
  }
}
