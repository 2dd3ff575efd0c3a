// usage: npm run storm -- [--minutes 30] [--seed N] [--models 4] [--devices 1] [--crashes 0.03] [--rate 20] [--policy even-handed]
import { parseArgs } from 'node:util'
import { policies, storm } from './storm.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    models: { type: 'string', default: '4' },
    devices: { type: 'string', default: '1' },
    crashes: { type: 'string', default: '0.03' },
    rate: { type: 'string', default: '20' },
    policy: { type: 'string' }
  }
})
/** Seconds of one storm: many short ones find more, and say which seed it was. */
const seconds = 20
const rounds = Math.ceil(Number(values.minutes) * 60 / seconds)
let seed = Number(values.seed)
let faults = 0
let frozen = 0
/** @type {Record<string, number>} */
const sum = {}

for (let round = 1; round <= rounds; round++, seed++) {
  // Every second time the streams begin while they wait.
  const heartbeat = seed % 2 === 0 && 200
  const policy = values.policy ?? policies[seed % policies.length]
  const report = await storm({ policy: /** @type {import('fastify-llmux').PolicyOption} */ (policy), heartbeat, seed, seconds, requests: seconds * Number(values.rate), models: Number(values.models), devices: Number(values.devices), crashes: Number(values.crashes) })
  faults += report.faults.length
  frozen += report.frozen
  for (const [name, count] of Object.entries(report.tally)) sum[name] = (sum[name] ?? 0) + count
  console.log(`seed ${seed} (${round}/${rounds}), ${JSON.stringify(policy)}: ${report.transitions} transitions, ${report.frozen} frozen, ${JSON.stringify(report.tally)}`)
  for (const fault of report.faults) console.log(`  FAULT ${fault}`)
}
console.log(`${rounds} storms, ${faults} faults, ${frozen} times a request was frozen: ${JSON.stringify(sum)}`)
process.exitCode = faults === 0 ? 0 : 1
