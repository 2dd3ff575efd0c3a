import { readFileSync } from 'node:fs'
import { between, merge, readCsv, stretch, windows } from 'fastify-llmux/simulator'

/** @typedef {import('fastify-llmux/simulator').Arrival} Arrival */
/** @typedef {{ name: string, arrivals: Arrival[] }} Trace */

/** @param {string} name */
const text = name => readFileSync(new URL(`../traces/${name}.csv`, import.meta.url), 'utf8')

const hour = 3_600_000

/** The recorded traffic, slowed down to what one GPU can do. @returns {Trace[]} */
export function recorded () {
  const code = readCsv(text('azure2023_code'), { model: 'code' })
  const conversation = readCsv(text('azure2023_conv'), { model: 'conversation' })
  const mooncake = readCsv(text('mooncake_conversation'), { model: 'mooncake' })
  const arena = readCsv(text('vtc_arena_27models'))
  return [
    ...[8, 16].map(factor => ({ name: `Azure × ${factor}`, arrivals: stretch(merge(code, conversation), factor) })),
    ...[16, 32].map(factor => ({ name: `Azure + Mooncake × ${factor}`, arrivals: stretch(merge(code, conversation, mooncake), factor) })),
    ...[6, 12].map(factor => ({ name: `Arena × ${factor}`, arrivals: stretch(arena, factor) })),
    ...[2, 7].map(count => ({ name: `Arena, ${count} models × 6`, arrivals: stretch(busiest(arena, count), 6) })),
    ...[0.25, 0.5].map(rate => ({ name: `ServeGen, ${rate}/s`, arrivals: serveGen(rate) }))
  ]
}

/** The requests of those models that have most. @param {Arrival[]} arrivals @param {number} count */
function busiest (arrivals, count) {
  const requests = new Map()
  for (const { model } of arrivals) requests.set(model, (requests.get(model) ?? 0) + 1)
  const models = [...requests.keys()].sort((a, b) => requests.get(b) - requests.get(a)).slice(0, count)
  return arrivals.filter(({ model }) => models.includes(model))
}

/**
 * Twelve hours of ServeGen's rates, scaled so that each model has the same share of so many requests per second: theirs differ by
 * a factor of thousands, which leaves one GPU with one model.
 * @param {number} perSecond
 */
function serveGen (perSecond) {
  const lines = text('servegen_rates_10min').trim().split('\n').slice(1).map(line => line.split(','))
  const models = [...new Set(lines.map(([, model]) => /** @type {string} */ (model)))]
  const duration = 12 * hour
  return merge(...models.map((model, index) => {
    const own = lines.filter(([, name]) => name === model).map(([begin, , rate, , variation]) => ({ begin: Number(begin) * 1000, rate: Number(rate), variation: Number(variation) || 1 }))
    const day = own.filter(({ begin }) => begin < duration)
    const mean = day.reduce((sum, { rate }) => sum + rate, 0) / day.length
    const scaled = day.map(window => ({ ...window, rate: window.rate / mean * perSecond / models.length }))
    return windows(scaled, { model, duration, seed: 11 + index })
  }))
}

/** The first half is for tuning, the second for the report. @param {Trace} trace @returns {[Trace, Trace]} */
export function halves ({ name, arrivals }) {
  const end = /** @type {Arrival} */ (arrivals.at(-1)).time + 1
  return [{ name, arrivals: between(arrivals, 0, end / 2) }, { name, arrivals: between(arrivals, end / 2, end) }]
}
