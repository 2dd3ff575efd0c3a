import { setTimeout as delay } from 'node:timers/promises'
import { Child } from './helpers/child.js'
import { freePort } from './helpers/programs.js'
import { round } from './helpers/statistics.js'

/** Two cores have room for so many of 5,000 streams: at 20, load and engine alone would take both. @param {number} count */
const paceOf = count => count > 1_000 ? 2 : 20

/** All columns, for rows that have not all. */
const nothing = { streams: '', through: '', 'events a second': '', 'CPU µs an event': '', 'KiB a stream': '', 'event loop p99 ms': '', 'event loop longest ms': '', 'late p50 ms': '', 'late p99 ms': '', 'latest ms': '' }

/**
 * Streams that are open at once, with 20 events a second each, or 2 of 5,000: what an event costs the relay, what a stream takes of its
 * memory, how long its event loop is held up, and how late events come. The engine directly shows what of that is the
 * machine's. Then bodies of 10 MB.
 * @param {import('./run.js').Options} options
 */
export async function streams ({ quick }) {
  const rows = []
  for (const count of quick ? [10] : [10, 100, 1_000, 5_000]) {
    for (const lane of ['engine', 'ceiling', 'llmux']) rows.push(await measure(lane, count, quick ? 500 : 5_000))
  }
  for (const lane of ['ceiling', 'llmux']) rows.push(await large(lane, quick ? 3 : 20))
  return rows
}

/** Each pair of processes starts anew, so that memory is that of these streams. @param {string} lane */
async function start (lane) {
  const enginePort = await freePort()
  // It has the engine, also where that is spoken to directly.
  const llmux = await Child.start('relay-server.js', { kind: 'llmux', enginePort })
  const server = lane === 'ceiling' ? await Child.start('relay-server.js', { kind: 'ceiling', enginePort }) : llmux
  const client = await Child.start('load.js', {})
  const url = lane === 'engine' ? `http://127.0.0.1:${enginePort}` : await server.call('url')
  return { url, server, client, close: () => Promise.all([...new Set([client, server, llmux])].map(child => child.stop())) }
}

/** @param {string} lane @param {number} count @param {number} ms */
async function measure (lane, count, ms) {
  const { url, server, client, close } = await start(lane)
  try {
    const before = await server.call('rss')
    const perSecond = paceOf(count)
    await client.call('openStreams', { url, count, answer: { perSecond } })
    // The opening of 5,000 streams leaves a queue behind.
    await delay(ms)
    await Promise.all([client.call('events'), server.call('delays')])
    const cpu = await server.call('cpu')
    const begin = performance.now()
    await delay(ms)
    const [{ user, system }, rss, delays, events] = await Promise.all([server.call('cpu'), server.call('rss'), server.call('delays'), client.call('events')])
    const own = lane !== 'engine'
    return {
      streams: count,
      through: lane,
      'events a second': Math.round(events.count / (performance.now() - begin) * 1_000),
      'CPU µs an event': own ? round((user + system - cpu.user - cpu.system) / events.count) : '',
      'KiB a stream': own ? round((rss - before) / count / 1024) : '',
      'event loop p99 ms': own ? round(delays.p99) : '',
      'event loop longest ms': own ? round(delays.most) : '',
      'late p50 ms': round(events.p50),
      'late p99 ms': round(events.p99),
      'latest ms': round(events.most)
    }
  } finally {
    await client.call('closeStreams')
    await close()
  }
}

/** Bodies of 10 MB, one after the other. @param {string} lane @param {number} count */
async function large (lane, count) {
  const { url, server, client, close } = await start(lane)
  const load = { url, answer: { bytes: 2048 }, bodyBytes: 10 * 1024 ** 2, connections: 1, ms: count * 100 }
  try {
    await client.call('flood', load)
    await server.call('delays')
    await client.call('flood', load)
    const { p99, most } = await server.call('delays')
    return { ...nothing, streams: 'bodies of 10 MB', through: lane, 'event loop p99 ms': round(p99), 'event loop longest ms': round(most) }
  } finally {
    await close()
  }
}
