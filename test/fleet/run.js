// usage: npm run storm:fleet -- [--minutes 3] [--compare 60] [--seed N] [--models 12] [--rate 10]
import { parseArgs } from 'node:util'
import { fleetStorm } from './storm.js'

const { values } = parseArgs({
  options: {
    /** Of the storm in which nodes are killed, stopped and restarted. */
    minutes: { type: 'string', default: '3' },
    /** Seconds of each calm run, for the comparison with other choices; 0: none. */
    compare: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    models: { type: 'string', default: '12' },
    rate: { type: 'string', default: '10' }
  }
})
const common = { seed: Number(values.seed), models: Number(values.models), rate: Number(values.rate) }
let faults = 0

/** @param {string} name @param {Omit<import('./storm.js').Options, keyof typeof common>} options */
async function run (name, options) {
  const report = await fleetStorm({ ...common, ...options })
  const kinds = [...new Set(report.troubles.map(({ kind }) => kind))].map(kind => `${report.troubles.filter(one => one.kind === kind).length} × ${kind}`)
  console.log(`${name}: ${JSON.stringify(report.tally)}; troubles: ${kinds.join(', ') || 'none'}`)
  console.log(`  mean wait ${Math.round(report.wait)} ms, ${report.switches.toFixed(2)} switches a request, answers by node ${report.byNode.join(', ')}, ${report.repeated} finished again by a node that had been given up`)
  report.byNode.forEach((count, node) => { if (count === 0) report.faults.push(`node ${node} was never used`) })
  faults += report.faults.length
  for (const fault of report.faults) console.log(`  FAULT ${fault}`)
  if (report.faults.length > 0) tell(report)
  return report
}

/** What may have led to faults. @param {Awaited<ReturnType<typeof fleetStorm>>} report */
function tell (report) {
  console.log(`  nodes: ${report.names.join(' ')}; the storm began at ${report.begin}`)
  for (const { kind, node, begin, end } of report.troubles) console.log(`  node ${node}: ${kind} from ${begin - report.begin} to ${end - report.begin} ms`)
  for (const line of report.log) console.log(`  ${line}`)
}

console.log(`seed ${common.seed}, ${common.models} models, ${common.rate} requests a second, three nodes, two edges`)
await run('storm', { seconds: Number(values.minutes) * 60, calm: 3_000 })
const seconds = Number(values.compare)
if (seconds > 0) {
  const own = await run('calm', { seconds })
  for (const [name, options] of Object.entries({ random: { choice: 'random' }, 'round-robin': { choice: 'round-robin' }, 'one node': { nodes: 1 } })) {
    const other = await run(name, { seconds, ...options })
    console.log(`  mean wait of llmux's choice on three nodes, to that: ${(own.wait / other.wait).toFixed(2)}; switches a request: ${(own.switches / other.switches).toFixed(2)}`)
  }
}
console.log(`${faults} faults`)
process.exitCode = faults === 0 ? 0 : 1
