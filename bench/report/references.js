import { bestOnline, clairvoyant, geometricMean, markdown, merge, poisson, simulate } from 'fastify-llmux/simulator'
import { policies, run } from './compare.js'

/** @typedef {import('fastify-llmux/simulator').TwoModels} TwoModels */
/** @typedef {{ name: string, best: number, means: Record<string, number> }} Reference milliseconds of the best, and of each policy */

const service = { mean: 4000, shape: /** @type {const} */ ('exponential') }
/** So many at once: with 32 the process has too many states, and hardly ever are there more. */
const maxConcurrency = 12

/** What the bound on the longest wait costs, and the `beta` for steady traffic: nobody is overdue so soon. @type {typeof policies} */
const candidates = { ...policies, 'even-handed, patient': { type: 'even-handed', beta: 1, maxWait: 300_000 } }

/** @type {[number, number][]} */
const pairs = [[0.25, 0.25], [0.8, 0.2], [0.95, 0.05], [0.1, 0.1], [0.5, 0.1]]

/** Pairs of models with Poisson traffic, six hours each: the mean wait of each policy beside that of the best that there can be. @param {typeof policies} [compared] @returns {Reference[]} */
export function online (compared = candidates, seed = 7) {
  const all = pairs.flatMap(rates => [3, 10, 30].map(seconds => ({ rates, seconds })))
  // The last would need queues that are too long for it.
  return all.filter(({ rates, seconds }) => !(rates[0] === 0.95 && seconds === 30)).map(({ rates, seconds }) => {
    const cost = seconds * 1000
    const queue = Math.ceil(20 + (rates[0] + rates[1]) * seconds * 1.5)
    const best = bestOnline({ rates, services: [service.mean, service.mean], costs: [cost, cost], maxConcurrency, queue })
    const arrivals = merge(...['a', 'b'].map((model, index) => poisson(/** @type {number} */ (rates[index]), { model, seed: seed + index, duration: 6 * 3_600_000, service })))
    const means = Object.entries(compared).map(([name, policy]) => [name, simulate({ arrivals, policy, costs: { switch: cost }, maxConcurrency }).mean])
    return { name: `${rates.join(' + ')}/s, ${seconds} s`, best: best.wait, means: Object.fromEntries(means) }
  })
}

/** The same where requests can be frozen, of the time that a request waits or is frozen: of `even-handed`, and of `simple`. */
export function freezing () {
  const all = /** @type {[number, number][]} */ ([[0.25, 0.25], [0.8, 0.2], [0.1, 0.1], [0.5, 0.1]]).flatMap(rates => [1, 3, 10].map(seconds => ({ rates, seconds })))
  const found = all.map(({ rates, seconds }) => {
    const cost = seconds * 1000
    const queue = Math.ceil(20 + maxConcurrency + (rates[0] + rates[1]) * seconds * 1.5)
    const models = { rates, services: /** @type {[number, number]} */ ([service.mean, service.mean]), costs: /** @type {[number, number]} */ ([cost, cost]), maxConcurrency, queue }
    const best = bestOnline({ ...models, freeze: true }).wait
    const arrivals = merge(...['a', 'b'].map((model, index) => poisson(/** @type {number} */ (rates[index]), { model, seed: 7 + index, duration: 6 * 3_600_000, service })))
    const worked = arrivals.reduce((sum, { service }) => sum + service, 0) / arrivals.length
    const times = (/** @type {'even-handed' | 'simple'} */ policy) => (simulate({ arrivals, policy, costs: { switch: cost }, maxConcurrency, freeze: true }).end.mean - worked) / best
    return { name: `${rates.join(' + ')}/s, ${seconds} s`, best, draining: bestOnline(models).wait / best, times: { 'even-handed': times('even-handed'), simple: times('simple') } }
  })
  const mean = (/** @type {'even-handed' | 'simple'} */ policy) => geometricMean(found.map(({ times }) => times[policy])).toFixed(2)
  return markdown([
    ...found.map(({ name, best, draining, times }) => ({ case: name, best: `${(best / 1000).toFixed(2)} s`, 'best that drains': draining.toFixed(2), 'even-handed': times['even-handed'].toFixed(2), simple: times.simple.toFixed(2) })),
    { case: 'all', best: '', 'best that drains': geometricMean(found.map(({ draining }) => draining)).toFixed(2), 'even-handed': mean('even-handed'), simple: mean('simple') }
  ])
}

/** Short traces of two models: beside the least wait for somebody who knows the future. @returns {Reference[]} */
export function foreseen () {
  return Array.from({ length: 12 }, (_, seed) => {
    const arrivals = merge(...['a', 'b'].map((model, index) => poisson(0.2, { model, seed: 200 + 2 * seed + index, duration: 240_000 })))
    const costs = { switch: 10_000 }
    const means = Object.entries(run(arrivals, costs)).map(([name, { mean }]) => [name, mean])
    return { name: `short trace ${seed + 1}`, best: clairvoyant({ arrivals, costs }), means: Object.fromEntries(means) }
  })
}

/** How many times the best each policy is, on average. @param {Reference[]} references @returns {Record<string, number>} */
export function distances (references) {
  return Object.fromEntries(Object.keys(references[0]?.means ?? {}).map(policy => [policy, geometricMean(references.map(({ best, means }) => (means[policy] ?? NaN) / best))]))
}
