import { geometricMean, simulate } from 'fastify-llmux/simulator'

/** @typedef {import('fastify-llmux/simulator').Arrival} Arrival */
/** @typedef {import('fastify-llmux/simulator').SimulationResult} Result */
/** @typedef {import('fastify-llmux/simulator').SimulationOptions} Options */
/** @typedef {{ name: string, cost: string, results: Record<string, Result> }} Case */

/** @type {Record<string, Options['policy']>} */
export const policies = {
  fifo: 'fifo',
  'fifo + 5 s': { type: 'fifo', minActive: 5000 },
  'cost-aware': 'cost-aware',
  'time-slice': 'time-slice',
  simple: 'simple',
  'even-handed': 'even-handed'
}

/** What switches were measured to take on one L40, in seconds, by the kind of model: gpt-oss-20b, gemma-12b, qwen3-4b; 10 to one of its own kind. */
const measured = [[10, 38.5, 50], [3.6, 10, 50], [63, 63, 10]]

/** Switch costs by name, for the models of a trace. @type {Record<string, (models: string[]) => Options['costs']>} */
export const costs = {
  '3 s': () => ({ switch: 3_000 }),
  '10 s': () => ({ switch: 10_000 }),
  '30 s': () => ({ switch: 30_000 }),
  matrix: models => ({
    switch: Object.fromEntries(models.map((from, i) => [from, Object.fromEntries(models.map((to, j) => [to, 1000 * /** @type {number} */ (measured[i % 3]?.[j % 3])]))]))
  })
}

/** One trace with every cost, under every policy. @param {string} name @param {Arrival[]} arrivals @param {Record<string, Options['policy']>} [candidates] @returns {Case[]} */
export function cases (name, arrivals, candidates = policies) {
  const models = [...new Set(arrivals.map(({ model }) => model))].sort()
  return Object.entries(costs).map(([cost, costsOf]) => ({ name, cost, results: run(arrivals, costsOf(models), candidates) }))
}

/** @param {readonly Arrival[]} arrivals @param {Options['costs']} costs @param {Record<string, Options['policy']>} [candidates] @returns {Record<string, Result>} */
export function run (arrivals, costs, candidates = policies) {
  return Object.fromEntries(Object.entries(candidates).map(([name, policy]) => [name, simulate({ arrivals, policy, costs })]))
}

/** @typedef {'mean' | 'p95' | 'p99' | 'max' | 'switches'} Measure */
/** @type {Measure[]} */
export const measures = ['mean', 'p95', 'p99', 'max', 'switches']

/** The geometric mean over all cases of a policy's measure, divided by that of another. @param {Case[]} cases @param {string} policy @param {Measure} measure @param {string} [other] */
export function ratio (cases, policy, measure, other = 'time-slice') {
  // Where nobody waits, or nothing is switched, there is nothing to compare.
  const both = cases.map(({ results }) => [results[policy]?.[measure] ?? NaN, results[other]?.[measure] ?? NaN])
  return geometricMean(both.filter(([a = 0, b = 0]) => a > 0 && b > 0).map(([a = 0, b = 0]) => a / b))
}

/** Ratios of all policies as rows. @param {Case[]} cases */
export function ratioRows (cases) {
  return Object.keys(cases[0]?.results ?? {}).map(policy => ({
    policy, ...Object.fromEntries(measures.map(measure => [measure, ratio(cases, policy, measure).toFixed(2)]))
  }))
}
