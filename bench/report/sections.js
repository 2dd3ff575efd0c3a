import { markdown } from 'fastify-llmux/simulator'
import { costs, policies, ratio, run } from './compare.js'
import { distances } from './references.js'
import { families, manyModels } from './synthetic.js'

/** @typedef {import('./compare.js').Case} Case */
/** @typedef {import('./references.js').Reference} Reference */
/** @typedef {import('fastify-llmux/simulator').SimulationResult} Result */

/** @param {number} milliseconds */
const seconds = milliseconds => (milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)

/** The other policies from the shortest mean wait to the longest. @param {Case} given @returns {[string, Result][]} */
const others = ({ results }) => Object.entries(results).filter(([policy]) => policy !== 'even-handed').sort(([, a], [, b]) => a.mean - b.mean)

/** @param {Case} given */
const own = ({ results }) => /** @type {Result} */ (results['even-handed'])

/** Where another policy is better by more than 2 %, by its mean, and by p99 or the longest wait by more than 10 %. @param {Case[]} cases */
export function lost (cases) {
  const rows = cases.flatMap(each => {
    const limits = /** @type {const} */ ([['mean', 1.02], ['p99', 1.1], ['max', 1.1]])
    return limits.flatMap(([measure, limit]) => {
      const [name, best] = /** @type {[string, Result]} */ (others(each).sort(([, a], [, b]) => a[measure] - b[measure])[0])
      const factor = own(each)[measure] / best[measure]
      return factor > limit ? [{ trace: each.name, cost: each.cost, measure, factor }].map(row => ({ ...row, name, value: own(each)[measure], other: best[measure] })) : []
    })
  }).sort((a, b) => b.factor - a.factor)
  if (rows.length === 0) return 'None.'
  return `In ${rows.length} of ${cases.length * 3}; the ten largest:\n\n${markdown(rows.slice(0, 10).map(({ trace, cost, measure, name, factor, value, other }) => ({
    trace, cost, measure, 'even-handed': seconds(value), 'the best of the others': `${seconds(other)} (${name})`, factor: factor.toFixed(2)
  })))}`
}

/** Mean waits beside that of time-slice, family by family. @param {Case[]} cases */
export function byFamily (cases) {
  return markdown(Object.keys(families).map(family => {
    const own = cases.filter(({ name }) => name === family)
    return { traffic: family, ...Object.fromEntries(Object.keys(policies).map(policy => [policy, ratio(own, policy, 'mean').toFixed(2)])) }
  }))
}

/** @param {Reference[]} references @param {{ onlyMean?: boolean }} [options] */
export function beside (references, { onlyMean = false } = {}) {
  const average = Object.fromEntries(Object.entries(distances(references)).map(([policy, distance]) => [policy, distance.toFixed(2)]))
  return markdown([
    ...(onlyMean ? [] : references).map(({ name, best, means }) => ({
      case: name, best: seconds(best), ...Object.fromEntries(Object.entries(means).map(([policy, mean]) => [policy, (mean / best).toFixed(2)]))
    })),
    { case: 'geometric mean', best: '', ...average }
  ])
}

/** A day of 27 models with few requests. */
export function many () {
  return markdown([0.01, 0.05].flatMap(perSecond => {
    const arrivals = manyModels(1, perSecond)
    const models = [...new Set(arrivals.map(({ model }) => model))].sort()
    return ['10 s', '30 s'].flatMap(cost => Object.entries(run(arrivals, /** @type {(models: string[]) => any} */ (costs[cost])(models))).map(([policy, { mean, p99, switches, duration }]) => ({
      policy, 'requests per hour': String(perSecond * 3600), cost, mean: seconds(mean), p99: seconds(p99), 'switches per hour': (switches / duration * 3_600_000).toFixed(0)
    })))
  }))
}
