import { setTimeout as delay } from 'node:timers/promises'
import { Child } from './helpers/child.js'
import { median, round } from './helpers/statistics.js'

/** @typedef {{ name: string, url: string, server: Child }} Lane */
/** @typedef {{ rate: number, cpu: number }} Sample requests per second, and microseconds of the edge's own for each */

const bytes = 2048
const connections = 32

/**
 * What an edge adds to a request, beside a bare @fastify/http-proxy in front of one node, and how that grows with the nodes. Those are
 * pretended: each tells its state of twelve models once a second, and answers at once. Lanes take turns.
 * @param {import('./run.js').Options} options
 */
export async function fleet ({ quick }) {
  const [rounds, ms] = quick ? [2, 500] : [9, 1_500]
  const nodes = await Child.start('nodes-server.js', { count: 300, models: 12, bytes })
  const urls = /** @type {string[]} */ (await nodes.call('urls'))
  const client = await Child.start('load.js', {})
  /** @type {Lane[]} */
  const lanes = [await lane('http-proxy', { upstream: urls[0] })]
  for (const count of [3, 30, 300]) lanes.push(await lane(`edge, ${count} nodes`, { nodes: urls.slice(0, count) }))
  try {
    /** @type {Map<string, Sample[]>} */
    const samples = new Map(lanes.map(({ name }) => [name, []]))
    // The first round warms up.
    for (let turn = -1; turn < rounds; turn++) {
      const first = (turn + 1) % lanes.length
      for (const one of [...lanes.slice(first), ...lanes.slice(0, first)]) {
        const taken = await sample(client, one, ms)
        if (turn >= 0) samples.get(one.name)?.push(taken)
      }
    }
    const bare = samples.get('http-proxy') ?? []
    return [...samples].map(([name, own]) => row(name, own, bare))
  } finally {
    await Promise.all([client, nodes, ...lanes.map(({ server }) => server)].map(child => child.stop()))
  }
}

/** @param {string} name @param {{ upstream?: string | undefined, nodes?: string[] }} options @returns {Promise<Lane>} */
async function lane (name, options) {
  const server = await Child.start('edge-server.js', options)
  while (options.nodes !== undefined && await server.call('up') < options.nodes.length) await delay(50)
  return { name, url: await server.call('url'), server }
}

/** @param {Child} client @param {Lane} lane @param {number} ms @returns {Promise<Sample>} */
async function sample (client, { url, server }, ms) {
  const cpu = async () => {
    const { user, system } = await server.call('cpu')
    return user + system
  }
  const before = await cpu()
  const { answers, all, seconds } = await client.call('flood', { url, answer: { bytes }, connections, ms })
  return { rate: answers / seconds, cpu: (await cpu() - before) / all }
}

/** @param {string} name @param {Sample[]} own @param {Sample[]} bare */
function row (name, own, bare) {
  const ratio = (/** @type {(sample: Sample) => number} */ of) => round(median(own.map((sample, index) => of(sample) / of(/** @type {Sample} */ (bare[index])))))
  return {
    through: name,
    'per second': Math.round(median(own.map(({ rate }) => rate))),
    'to http-proxy': ratio(({ rate }) => rate),
    'CPU µs each': round(median(own.map(({ cpu }) => cpu))),
    'CPU to http-proxy': ratio(({ cpu }) => cpu)
  }
}
