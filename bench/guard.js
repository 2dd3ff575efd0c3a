// Fails if the relay has become much slower than three short runs had it before, in relay-ratios.json: `npm run bench:guard`. What counts is the
// ratio to the ceiling within one run, and of three runs the median.
import { readFileSync } from 'node:fs'
import { median, round } from './helpers/statistics.js'
import { relay } from './relay.js'

/** @type {Record<string, number>} */
const written = JSON.parse(readFileSync(new URL('relay-ratios.json', import.meta.url), 'utf8'))
const least = 0.7

/** @type {import('./run.js').Row[][]} */
const runs = []
for (let run = 0; run < 3; run++) runs.push(await relay({ quick: false, short: true }))
for (const [load, ratio] of Object.entries(written)) {
  const seen = median(runs.map(rows => Number(rows.find(row => row.load === load && row.through === 'llmux')?.['to the ceiling'])))
  const passed = seen >= ratio * least
  console.log(`${passed ? 'ok' : 'not ok'} ${load}: ${round(seen)} of the ceiling, ${ratio} written down`)
  if (!passed) process.exitCode = 1
}
