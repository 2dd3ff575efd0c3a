import { geometricMean, markdown, merge, poisson, simulate, stretch } from 'fastify-llmux/simulator'
import { halves, recorded } from './traces.js'

/** @typedef {import('fastify-llmux/simulator').Arrival} Arrival */
/** @typedef {import('fastify-llmux/simulator').SimulationResult} Result */

/** What a switch costs, in milliseconds: 7 billion parameters on an H100 take 0.8 s. */
const switches = [1_000, 5_000, 15_000]

/** What is compared. @type {Record<string, (result: Result) => number>} */
const measures = {
  'wait: mean': ({ mean }) => mean,
  p95: ({ p95 }) => p95,
  p99: ({ p99 }) => p99,
  max: ({ max }) => max,
  'to the end: mean': ({ end }) => end.mean,
  'p50 ': ({ end }) => end.p50,
  'p95 ': ({ end }) => end.p95,
  'max ': ({ end }) => end.max,
  'slowdown: mean': ({ slowdown }) => slowdown.mean,
  switches: ({ switches }) => switches
}

/** The second halves of the recorded traces. Models of the Arena that are asked for once an hour have nothing to freeze. */
const heldOut = () => recorded().filter(({ name }) => !name.startsWith('Arena ×')).map(trace => halves(trace)[1])

/** How fast the requests come: as in the other tables, and twice as fast. */
const speeds = { 'as above': 1, 'twice as fast': 2 }

/** With freezing and without. @param {Arrival[]} arrivals @param {number} cost */
function pair (arrivals, cost) {
  const [freezing, draining] = /** @type {[Result, Result]} */ ([true, false].map(freeze => simulate({ arrivals, policy: 'even-handed', costs: { switch: cost }, freeze })))
  return { freezing, draining }
}

/** @param {{ freezing: Result, draining: Result }[]} pairs */
function ratios (pairs) {
  return Object.fromEntries(Object.entries(measures).map(([name, measure]) => [name, geometricMean(pairs.map(({ freezing, draining }) => measure(freezing) / measure(draining))).toFixed(2)]))
}

/** Ratios to `freeze: false`, over all traces. */
export function freezing () {
  const traces = heldOut()
  return markdown(switches.flatMap(cost => {
    const bySpeed = Object.entries(speeds).map(([speed, factor]) => ({ speed, pairs: traces.map(({ arrivals }) => pair(stretch(arrivals, 1 / factor), cost)) }))
    return [...bySpeed, { speed: 'both', pairs: bySpeed.flatMap(({ pairs }) => pairs) }].map(({ speed, pairs }) => ({ cost: `${cost / 1000} s`, speed, ...ratios(pairs) }))
  }))
}

/** Whether estimates pay: the rule that has none, with freezing, over the one that has them, with freezing too. */
export function withoutEstimates () {
  const traces = heldOut()
  return markdown(switches.map(cost => {
    const pairs = traces.map(({ arrivals }) => {
      const [freezing, draining] = /** @type {[Result, Result]} */ (/** @type {const} */ (['simple', 'even-handed']).map(policy => simulate({ arrivals, policy, costs: { switch: cost }, freeze: true })))
      return { freezing, draining }
    })
    return { policy: 'simple', cost: `${cost / 1000} s`, ...ratios(pairs) }
  }))
}

/** Answers of two minutes beside a chat. */
export function longs () {
  const hour = 3_600_000
  const arrivals = merge(
    poisson(0.02, { model: 'agent', seed: 101, duration: 4 * hour, service: { mean: 120_000 } }),
    poisson(0.2, { model: 'chat', seed: 102, duration: 4 * hour, service: { mean: 3_000 } })
  )
  return markdown(switches.map(cost => ({ cost: `${cost / 1000} s`, ...ratios([pair(arrivals, cost)]) })))
}

/** Twice what the GPU can do: how long it takes to serve all, which is tokens per second turned over. */
export function overload () {
  const { arrivals } = /** @type {{ arrivals: Arrival[] }} */ (recorded()[0])
  return markdown([1_000, 5_000].map(cost => {
    const { freezing, draining } = pair(stretch(arrivals, 1 / 8).slice(0, 6_000), cost)
    return { cost: `${cost / 1000} s`, 'to serve all': (freezing.duration / draining.duration).toFixed(2), 'longest time to the end': (freezing.end.max / draining.end.max).toFixed(2), ...ratios([{ freezing, draining }]) }
  }))
}
