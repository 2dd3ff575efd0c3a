// Makes docs/scheduling.md and its pictures: `npm run report`. Two minutes of processor time.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cases, ratioRows } from './compare.js'
import { page } from './page.js'
import { draw } from './pictures.js'
import { foreseen, online } from './references.js'
import { families } from './synthetic.js'
import { halves, recorded } from './traces.js'

const docs = new URL('../../docs/', import.meta.url)

/** @template T @param {string} name @param {() => T} work @returns {T} */
function timed (name, work) {
  const begin = performance.now()
  const result = work()
  console.log(`${name}: ${Math.round((performance.now() - begin) / 1000)} s`)
  return result
}

const traces = recorded().map(trace => halves(trace)[1])
// Other seeds than those that parameters were tried on.
const seeds = [101, 102]
const recordedCases = traces.flatMap(({ name, arrivals }) => timed(name, () => cases(name, arrivals)))
const syntheticCases = Object.entries(families).flatMap(([name, make]) => timed(name, () => seeds.flatMap(seed => cases(name, make(seed)))))
const best = timed('best online', online)
const clairvoyant = timed('clairvoyant', foreseen)
mkdirSync(new URL('scheduling/', docs), { recursive: true })
const pictures = draw(new URL('scheduling/', docs))
const text = timed('page', () => page({ recordedCases, syntheticCases, best, clairvoyant, pictures }))
writeFileSync(new URL('scheduling.md', docs), text)
console.log(`recorded: ${JSON.stringify(ratioRows(recordedCases).at(-1))}\nsynthetic: ${JSON.stringify(ratioRows(syntheticCases).at(-1))}`)
