import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { decision } from './decision.js'
import { firstRequest } from './first-request.js'
import { fleet } from './fleet.js'
import { gpus } from './gpus.js'
import { page } from './page.js'
import { queue } from './queue.js'
import { relay } from './relay.js'
import { start } from './start.js'
import { streams } from './streams.js'
import { freezing } from './freeze.js'
import { switching } from './switch.js'
import { table } from './helpers/table.js'

/**
 * @typedef {object} Options
 * @property {boolean} quick a few short rounds, to see that it runs: the numbers are worth nothing
 * @property {boolean} [short] as few rounds, but after a warm-up
 * @property {string} [profile] directory for CPU profiles of the relays and the gateways
 */

/** @typedef {Record<string, string | number>} Row */

/** @type {Record<string, (options: Options) => Promise<Row[]>>} */
const measurements = { relay, streams, start, switch: switching, freeze: freezing, 'first-request': firstRequest, queue, decision, gpus, page, fleet }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, profile: { type: 'string' } }
})
const unknown = positionals.find(name => !(name in measurements))
if (unknown !== undefined) {
  console.error(`there is no measurement ${unknown}: ${Object.keys(measurements).join(', ')}`)
  process.exit(2)
}

/** @type {Record<string, Row[]>} */
const results = {}
for (const name of positionals.length === 0 ? Object.keys(measurements) : positionals) {
  const rows = await measurements[name]?.({ quick: values.quick, ...(values.profile !== undefined && { profile: values.profile }) }) ?? []
  results[name] = rows
  if (!values.json) console.log(`${table(rows)}\n`)
}
const machine = { node: process.version, cores: availableParallelism(), quick: values.quick }
if (values.json) console.log(JSON.stringify({ ...machine, results }, undefined, 2))
else console.log(`Node ${machine.node}, ${machine.cores} cores${machine.quick ? ', a quick run: the numbers are worth nothing' : ''}`)
