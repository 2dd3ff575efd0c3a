import { writeFileSync } from 'node:fs'
import { between, picture, simulate } from 'fastify-llmux/simulator'
import { policies } from './compare.js'
import { recorded } from './traces.js'

/** @typedef {import('fastify-llmux/simulator').Arrival} Arrival */

/** The twenty minutes in which the less busy of two models has most requests. @param {readonly Arrival[]} arrivals */
function busiest (arrivals) {
  const length = 1_200_000
  const count = (/** @type {Arrival[]} */ window) => {
    const code = window.filter(({ model }) => model === arrivals[0]?.model).length
    return Math.min(code, window.length - code)
  }
  const windows = Array.from({ length: Math.ceil((arrivals.at(-1)?.time ?? 0) / length) }, (_, index) => between(arrivals, index * length, (index + 1) * length))
  return windows.reduce((best, window) => count(window) > count(best) ? window : best, [])
}

/** Twenty minutes of Azure's two services under three policies. @param {URL} directory @returns {string[]} the files' names */
export function draw (directory) {
  const trace = recorded()[0]
  const arrivals = busiest(trace?.arrivals ?? [])
  return ['fifo', 'time-slice', 'even-handed'].map(name => {
    const { timeline, mean } = simulate({ arrivals, policy: /** @type {any} */ (policies)[name], costs: { switch: 10_000 }, timeline: true })
    const title = `${name}: ${trace?.name}, 10 s a switch; mean wait ${(mean / 1000).toFixed(1)} s`
    if (timeline !== undefined) writeFileSync(new URL(`${name}.svg`, directory), picture(timeline, { title }))
    return `${name}.svg`
  })
}
