import { writeFileSync } from 'node:fs'
import { between, picture, simulate } from 'fastify-llmux/simulator'
import { policies } from './compare.js'
import { recorded } from './traces.js'

/** Twenty minutes of Azure's two services under three policies. @param {URL} directory @returns {string[]} the files' names */
export function draw (directory) {
  const trace = recorded()[0]
  const arrivals = between(trace?.arrivals ?? [], 0, 1_200_000)
  return ['fifo', 'time-slice', 'even-handed'].map(name => {
    const { timeline, mean } = simulate({ arrivals, policy: /** @type {any} */ (policies)[name], costs: { switch: 10_000 }, timeline: true })
    const title = `${name}: ${trace?.name}, 10 s a switch; mean wait ${(mean / 1000).toFixed(1)} s`
    if (timeline !== undefined) writeFileSync(new URL(`${name}.svg`, directory), picture(timeline, { title }))
    return `${name}.svg`
  })
}
