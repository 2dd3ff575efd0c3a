import { markdown } from 'fastify-llmux/simulator'
import { cases, ratioRows } from './compare.js'
import { recorded, halves } from './traces.js'
import { families } from './synthetic.js'
const half = Number(process.argv[2]); const all = []
for (const trace of recorded()) { const t = performance.now(); const part = halves(trace)[half]; const c = cases(part.name, part.arrivals); all.push(...c)
  console.log(part.name, part.arrivals.length, (performance.now()-t)|0, 'ms', c.map(({cost,results}) => cost + ': ' + Object.values(results).map(r => (r.mean/1000).toFixed(1)).join(' ')).join(' | ')) }
console.log(markdown(ratioRows(all)))
const syn = []
for (const [name, make] of Object.entries(families)) for (const seed of half === 0 ? [1,2,3] : [101,102,103]) syn.push(...cases(name, make(seed)))
console.log(markdown(ratioRows(syn)))
for (const name of Object.keys(families)) { console.log(name); console.log(markdown(ratioRows(syn.filter(c => c.name === name)))) }
