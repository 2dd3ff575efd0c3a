// How long requests wait on several machines, under this choice and others, on recorded traffic: `npm run bench:fleet-waits`. Minutes of processor time.
import { randomLcg } from 'd3-random'
import { chooseNode, simulateFleet } from 'fastify-llmux/fleet'
import { geometricMean, markdown, simulate, stretch } from 'fastify-llmux/simulator'
import { affinity } from '../helpers/internals.js'
import { halves, recorded } from '../report/traces.js'
import { central } from './central.js'

/** @typedef {import('fastify-llmux/fleet').ChooseNode} ChooseNode */
/** @typedef {import('fastify-llmux/fleet').NodeView} NodeView */

/** @param {readonly NodeView[]} nodes @param {(node: NodeView) => number} of */
const highest = (nodes, of) => nodes.reduce((best, node) => of(node) > of(best) ? node : best).name
/** @param {NodeView} node */
const load = ({ models }) => models.reduce((sum, { inFlight, waiting, sent }) => sum + inFlight + waiting + sent, 0)

/** Made anew for each run. @type {Record<string, () => ChooseNode>} */
const choices = {
  'without moves': () => chooseNode,
  random: () => {
    const random = randomLcg(0.5)
    return ({ nodes }) => nodes[Math.floor(random() * nodes.length)]?.name
  },
  'least in flight': () => ({ nodes }) => highest(nodes, node => -load(node)),
  'hashing alone': () => ({ model, nodes }) => highest(nodes, ({ name }) => affinity(model)(name))
}

/** @type {import('fastify-llmux').PolicyOption} */
const policy = 'even-handed'
const costs = { switch: 10_000 }
const traces = ['Arena × 6', 'ServeGen, 0.25/s']
const counts = [1, 2, 4, 8]

/** @type {Record<string, string>[]} */
const rows = []
/** @type {number[]} */
const toCentral = []
for (const trace of recorded().filter(({ name }) => traces.includes(name))) {
  const [, { name, arrivals: all }] = halves(trace)
  for (const nodes of counts) {
    // So many times the traffic, so that each machine has as much to do as one alone: otherwise eight of them would have nothing to choose.
    const arrivals = stretch(all, 1 / nodes)
    const common = { arrivals, nodes, policy, costs }
    const means = Object.fromEntries(Object.entries(choices).map(([choice, make]) => [choice, simulateFleet({ ...common, choose: make(), move: false }).mean]))
    const own = simulateFleet(common).mean
    // Two schedulers that see everything; neither is better on all traffic.
    const reference = Math.min(central(common), simulate({ arrivals, policy, costs, gpus: nodes }).mean)
    if (nodes > 1) toCentral.push(own / reference)
    rows.push({ traffic: name, GPUs: String(nodes), 'the fleet': (own / 1_000).toFixed(2), ...Object.fromEntries(Object.entries({ ...means, central: reference }).map(([choice, mean]) => [choice, (mean / 1_000).toFixed(2)])), 'to central': (own / reference).toFixed(2) })
    console.error(JSON.stringify(rows.at(-1)))
  }
}
console.log(`mean waits in seconds; a switch takes 10 s

${markdown(rows)}

the fleet to the central scheduler with more than one GPU: ${geometricMean(toCentral).toFixed(2)} in the geometric mean, ${Math.max(...toCentral).toFixed(2)} at worst`)
