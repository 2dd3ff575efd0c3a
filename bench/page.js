import { setTimeout as delay } from 'node:timers/promises'
import { Child } from './helpers/child.js'
import { median, round, timed } from './helpers/statistics.js'

const pages = 20
const perSecond = 100
const waiting = 1_000

/**
 * What open pages cost: the latency of requests with 20 of them and without, in turns, in a storm of 100 requests a second
 * with 1,000 waiting; the processor time that one page takes; and the answer that a page asks for each second.
 * @param {import('./run.js').Options} options
 */
export async function page ({ quick }) {
  const gateway = await Child.start('page-server.js', {})
  const client = await Child.start('paced.js', {})
  const viewers = await Child.start('viewers.js', {})
  try {
    const url = await gateway.call('url')
    await gateway.call('prepare')
    await gateway.call('queue', waiting)
    const seconds = quick ? 2 : 10
    const measure = async () => {
      const before = await gateway.call('cpu')
      /** @type {number[]} */
      const took = await client.call('send', { url, perSecond, seconds })
      return { median: median(took), cpu: (await gateway.call('cpu')) - before }
    }
    await client.call('send', { url, perSecond: 500, seconds })
    /** @type {{ median: number, cpu: number }[]} */
    const alone = []
    /** @type {{ median: number, cpu: number }[]} */
    const watched = []
    for (let turn = 0; turn < (quick ? 1 : 7); turn++) {
      alone.push(await measure())
      await viewers.call('open', url, pages)
      await delay(500)
      watched.push(await measure())
      await viewers.call('close')
    }
    const one = await overviews(url)
    const middle = (/** @type {{ median: number, cpu: number }[]} */ samples, /** @type {'median' | 'cpu'} */ name) => median(samples.map(sample => sample[name]))
    const ratios = watched.map((sample, index) => sample.median / /** @type {{ median: number }} */ (alone[index]).median)
    return [
      { page: `a request at ${perSecond} a second, ${waiting} waiting`, value: round(middle(alone, 'median')), unit: 'ms' },
      { page: `the same with ${pages} pages open`, value: round(middle(watched, 'median')), unit: 'ms' },
      { page: 'ratio of the two, turn by turn', value: round(median(ratios)), unit: '' },
      { page: 'processor time of one open page', value: round((middle(watched, 'cpu') - middle(alone, 'cpu')) / seconds / pages), unit: 'ms a second' },
      { page: `GET overview with ${waiting} waiting`, value: round(one.milliseconds), unit: 'ms' },
      { page: 'its answer', value: round(one.bytes / 1_024), unit: 'KiB' }
    ]
  } finally {
    await gateway.call('leave')
    await viewers.stop()
    await client.stop()
    await gateway.stop()
  }
}

/** As it costs when it is made anew, which it is four times a second at most. @param {string} url */
async function overviews (url) {
  const times = []
  let bytes = 0
  for (let count = 0; count < 8; count++) {
    await delay(300)
    times.push(await timed(async () => { bytes = (await (await fetch(`${url}/admin/overview`)).arrayBuffer()).byteLength }))
  }
  return { milliseconds: median(times), bytes }
}
