import { setTimeout as delay } from 'node:timers/promises'
import { Agent } from 'undici'
import { fire } from '../storm/client.js'
import { plan } from '../storm/plan.js'
import { processesLeft, tally } from '../storm/storm.js'
import { check } from './checker.js'
import { trouble } from './faults.js'
import { startFleet } from './fleet.js'

/**
 * @typedef {object} Options
 * @property {number} seed
 * @property {number} seconds
 * @property {number} rate requests per second
 * @property {number} models
 * @property {number} [nodes] Default 3.
 * @property {string} [choice] of `choices.js`. Default `'llmux'`.
 * @property {number} [calm] Milliseconds from one trouble to the next. Default: nothing happens to the nodes.
 */

/**
 * Lets a storm loose on two edges and their nodes, all processes of their own, and checks what came of it.
 * @param {Options} options
 */
export async function fleetStorm ({ seed, seconds, rate, models, nodes = 3, choice = 'llmux', calm }) {
  const names = Array.from({ length: models }, (_, index) => `model-${index}`)
  const fleet = await startFleet({ nodes, edges: 2, models: names, choice })
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connections: null })
  try {
    const begin = Date.now()
    const shots = plan({ seed, models, requests: seconds * rate, seconds })
    const [outcomes, troubles] = await Promise.all([
      Promise.all(shots.map(async (shot, index) => {
        await delay(shot.at)
        return await fire(fleet.edges[index % 2]?.url ?? '', shot, dispatcher)
      })),
      calm === undefined ? [] : trouble(fleet, { seconds, calm })
    ])
    await fleet.close()
    const records = fleet.nodes.map(({ mock }) => mock.records())
    const { faults, served, repeated } = check({ outcomes, records, troubles })
    faults.push(...await processesLeft(/** @type {import('../storm/checker.js').MockRecord[]} */ (records.flat())))
    const whole = outcomes.filter(({ kind }) => kind === 'whole')
    const switches = records.flat().filter(({ event, t }) => event === 'woke' && t >= begin).length
    return {
      begin,
      names: fleet.nodes.map(({ server }) => server.url),
      /** Warnings, changes of nodes, and requests that went to another. */
      log: [...fleet.edges, ...fleet.nodes.map(({ server }) => server)].flatMap(({ lines, url }) => lines.flatMap(line => logLine(line, url, begin))),
      outcomes,
      faults,
      troubles,
      repeated,
      tally: tally(outcomes),
      byNode: records.map((_, node) => [...served.values()].filter(all => all.some(one => one.node === node)).length),
      /** Milliseconds until the first byte. */
      wait: whole.reduce((sum, { first = 0 }) => sum + first, 0) / whole.length,
      switches: switches / outcomes.length
    }
  } finally {
    await dispatcher.destroy()
    await fleet.close()
    for (const { mock } of fleet.nodes) mock.close()
  }
}

/** @param {string} line @param {string} url @param {number} begin */
function logLine (line, url, begin) {
  if (!line.startsWith('{')) return [line]
  const { time, msg, level } = JSON.parse(line)
  return level >= 40 || /^(node|start) /.test(msg) ? [`${time - begin} ms, ${url}: ${msg}`] : []
}
