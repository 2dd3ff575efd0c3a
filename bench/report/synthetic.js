import { bursts, merge, onOff, poisson, surge, zipf } from 'fastify-llmux/simulator'

/** @typedef {import('fastify-llmux/simulator').Arrival} Arrival */

const duration = 3_600_000

/** Options of one model's stream. @param {string} model @param {number} seed */
const stream = (model, seed) => ({ model, seed: seed * 100 + model.charCodeAt(0), duration })

/** @param {Record<string, number>} rates */
const streams = rates => (/** @type {number} */ seed) => merge(...Object.entries(rates).map(([model, rate]) => poisson(rate, stream(model, seed))))

/** Traffic by chance, an hour each. @type {Record<string, (seed: number) => Arrival[]>} */
export const families = {
  'Poisson 0.25 + 0.25/s': streams({ a: 0.25, b: 0.25 }),
  'Poisson 0.8 + 0.2/s': streams({ a: 0.8, b: 0.2 }),
  'Poisson 0.95 + 0.05/s': streams({ a: 0.95, b: 0.05 }),
  'bursts of 10 in turn': seed => merge(...['a', 'b'].map((model, index) => bursts({ size: 10, period: 120_000, offset: index * 60_000 }, stream(model, seed)))),
  sparse: streams({ a: 0.02, b: 0.02 }),
  'three models': streams({ a: 0.3, b: 0.2, c: 0.1 }),
  'long generations': seed => merge(...['a', 'b'].map(model => poisson(0.1, { ...stream(model, seed), service: { mean: 20_000 } }))),
  'five on and off': seed => merge(...['a', 'b', 'c', 'd', 'e'].map(model => onOff({ rate: 0.4, on: 60_000, off: 240_000 }, stream(model, seed)))),
  'one surge': seed => merge(poisson(0.2, stream('a', seed)), surge({ rate: 0.1, peak: 2, begin: 1_200_000, length: 120_000 }, stream('b', seed)))
}

/** A day of few requests for many models. @param {number} seed @param {number} perSecond */
export function manyModels (seed, perSecond) {
  return merge(...zipf(27).map((share, index) => poisson(share * perSecond, { model: `m${String(index).padStart(2, '0')}`, seed: seed * 100 + index, duration: 24 * duration })))
}
