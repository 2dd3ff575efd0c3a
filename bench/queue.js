import { setTimeout as delay } from 'node:timers/promises'
import { Child } from './helpers/child.js'
import { median, round } from './helpers/statistics.js'

/** @typedef {{ rss: number, used: number }} Memory bytes: of the process; of its heap and buffers */
/** @typedef {{ before: Memory, held: Memory, queued: Memory, after: Memory, granted: number, arrived: number, awake: number }} Sample */

const answer = { bytes: 2048 }
const bodyBytes = 2048

/** Connections that nobody uses are closed after 4 s on either side of the gateway, and hold memory until then. Milliseconds. */
const idleLimit = 5500

/**
 * Many requests queued for a model that sleeps: what they hold in memory, against the same requests kept waiting by a plain
 * route of the same server; and the time from the model's wake to the last one forwarded, against the same requests sent
 * at once when it is awake. Each round in a gateway of its own.
 * @param {import('./run.js').Options} options
 */
export async function queue ({ quick, profile }) {
  const count = 1000
  const samples = []
  for (let round = 0; round < (quick ? 1 : 5); round++) samples.push(await sample(count, profile))
  return rows(count, samples)
}

/** @param {number} count @param {string | undefined} profile @returns {Promise<Sample>} */
async function sample (count, profile) {
  const execArgv = ['--expose-gc', ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`])]
  const gateway = await Child.start('queue-server.js', {}, execArgv)
  const client = await Child.start('load.js', {})
  try {
    const target = { url: await gateway.call('url'), answer, bodyBytes, count }
    await gateway.call('prepare')
    const hold = () => burst(client, gateway, target, { path: '/hold' }, 'held', 'letGo')
    const restingMemory = async () => {
      await delay(idleLimit)
      return await gateway.call('memory')
    }
    // Compiles, and lets the heap grow to its size.
    await hold()
    await client.call('burst', { ...target, model: 'awake' })
    const before = await restingMemory()
    const held = await hold()
    await delay(idleLimit)
    const queued = await burst(client, gateway, target, { model: 'asleep' }, 'waiting', 'release')
    const { granted, arrived, count: arrivals } = await gateway.call('timeline')
    const after = await restingMemory()
    if (arrivals !== count) throw new Error(`${arrivals} of ${count} requests have reached the engine`)
    await client.call('burst', { ...target, model: 'asleep' })
    return { before, held, queued, after, granted, arrived, awake: (await gateway.call('timeline')).spread }
  } finally {
    await client.stop()
    await gateway.stop()
  }
}

/**
 * Sends all, looks at the memory when all wait, and lets them go.
 * @param {Child} client @param {Child} gateway @param {{ count: number, answer: { bytes: number } }} target
 * @param {object} which @param {string} waiting @param {string} letGo
 * @returns {Promise<Memory>}
 */
async function burst (client, gateway, target, which, waiting, letGo) {
  const done = client.call('burst', { ...target, ...which })
  done.catch(() => {}) // Awaited below.
  while (await gateway.call(waiting) < target.count) await delay(10)
  const memory = await gateway.call('memory')
  await gateway.call(letGo, target.answer.bytes)
  await done
  return memory
}

/** @param {number} count @param {Sample[]} samples */
function rows (count, samples) {
  const of = (/** @type {(sample: Sample) => number} */ value) => round(median(samples.map(value)))
  const MiB = (/** @type {(sample: Sample) => number} */ value) => of(sample => value(sample) / 2 ** 20)
  const each = (/** @type {(sample: Sample) => number} */ value) => of(sample => value(sample) / count / 1024)
  return [
    { queue: `${count} waiting: heap and buffers`, value: MiB(({ queued, before }) => queued.used - before.used), unit: 'MiB more' },
    { queue: '  of each', value: each(({ queued, before }) => queued.used - before.used), unit: 'KiB' },
    { queue: '  of each, in a plain route', value: each(({ held, before }) => held.used - before.used), unit: 'KiB' },
    { queue: '  RSS', value: MiB(({ queued, before }) => queued.rss - before.rss), unit: 'MiB more' },
    { queue: '  after the last: heap and buffers', value: MiB(({ after, before }) => after.used - before.used), unit: 'MiB more' },
    { queue: 'from wake to last lease', value: of(({ granted }) => granted), unit: 'ms' },
    { queue: 'from wake to last one at the engine', value: of(({ arrived }) => arrived), unit: 'ms' },
    { queue: 'the same to a model that is awake', value: of(({ awake }) => awake), unit: 'ms' }
  ]
}
