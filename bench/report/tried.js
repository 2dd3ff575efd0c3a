// What was tried to better `even-handed`, beside it: `npm run build && node bench/report/tried.js [tuned | held]`. Five minutes of processor time each.
import { table } from '../helpers/table.js'
import { cases, ratio } from './compare.js'
import { distances, online } from './references.js'
import { families } from './synthetic.js'
import { halves, recorded } from './traces.js'
import { variants } from './variants.js'

/** @typedef {import('./compare.js').Case} Case */

/** What choices were made on, and what the report shows. */
const data = {
  tuned: { half: 0, seeds: [1, 2], online: 1007 },
  held: { half: 1, seeds: [101, 102], online: 7 }
}

/** Mean, p99 and longest wait of a variant beside those of `even-handed`. @param {Case[]} all @param {string} variant */
const beside = (all, variant) => /** @type {const} */ (['mean', 'p99', 'max']).map(measure => ratio(all, variant, measure, 'even-handed').toFixed(3)).join(' / ')

const [, , only] = process.argv
for (const [name, { half, seeds, online: seed }] of Object.entries(data).filter(([name]) => only === undefined || only === name)) {
  const traces = recorded().map(trace => halves(trace)[half])
  const recordedCases = traces.flatMap(trace => trace === undefined ? [] : cases(trace.name, trace.arrivals, variants))
  const syntheticCases = Object.entries(families).flatMap(([family, make]) => seeds.flatMap(seed => cases(family, make(seed), variants)))
  const distance = distances(online(variants, seed))
  const rows = Object.keys(variants).map(variant => ({
    [name]: variant, 'recorded: mean / p99 / max': beside(recordedCases, variant), 'made up': beside(syntheticCases, variant), 'of the best online': distance[variant]?.toFixed(3) ?? ''
  }))
  console.log(`${table(rows)}\n`)
}
