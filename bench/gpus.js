import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { startMock } from 'fastify-llmux/mock'
import { merge, poisson, simulate } from 'fastify-llmux/simulator'
import { finished } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { makeNvidiaSmi } from '../test/helpers/nvidia-smi.js'
import { mockCommand } from './helpers/programs.js'
import { round } from './helpers/statistics.js'
import { halves, recorded } from './report/traces.js'

const counts = [1, 2, 4]
const traces = ['Azure + Mooncake × 32', 'Arena × 6', 'ServeGen, 0.25/s']

/** The same requests for eight models, for as many mock engines. A switch takes 0.25 s, an answer 0.2 s. */
const models = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const flags = { sleepMs: 100, wakeMs: 150, tokenMs: 10, memory: 20_000, quiet: 'true' }
const tokens = 20

/**
 * How far waiting falls with two and four GPUs on which every model may live, against one: recorded traffic in the simulator, and
 * requests by chance to real processes.
 * @param {import('./run.js').Options} options
 */
export async function gpus ({ quick }) {
  const simulated = recorded().filter(({ name }) => traces.includes(name)).map(trace => halves(trace)[1]).map(({ name, arrivals }) => {
    return { traffic: name, waits: counts.map(gpus => simulate({ arrivals, policy: 'even-handed', costs: { switch: 5_000 }, freeze: true, gpus }).mean) }
  })
  const waits = []
  for (const count of counts) waits.push(await onMocks(count, quick ? 5_000 : 60_000))
  return [...simulated, { traffic: 'mock engines', waits }].map(({ traffic, waits }) => row(traffic, waits))
}

/** @param {string} traffic @param {number[]} waits */
function row (traffic, waits) {
  const [one = NaN] = waits
  return { traffic, ...Object.fromEntries(waits.flatMap((wait, index) => [[`${counts[index]} GPU, s`, round(wait / 1_000)], ...(index > 0 ? [[`${counts[index]} to 1`, round(wait / one)]] : [])])) }
}

/** The mean time to the first byte, in milliseconds. @param {number} count @param {number} duration */
async function onMocks (count, duration) {
  const mock = startMock({ gpus: count, flags })
  const path = process.env.PATH
  process.env.PATH = `${makeNvidiaSmi(mock.directory, [...mockCommand, 'gpu', '--gpu', mock.directory])}:${path}`
  const app = Fastify()
  try {
    await app.register(llmux, { ...mock.options, closeWithGrace: false, models: Object.fromEntries(models.map(model => [model, { gpus: { any: 1 } }])) })
    const url = new Pool(await app.listen({ port: 0, host: '127.0.0.1' }))
    // Engines run, and it is known what a switch costs.
    for (const model of [...models, ...models]) await app.llmux.switchTo(model)
    const arrivals = merge(...models.map((model, index) => poisson(0.3, { model, duration, seed: index + 1 })))
    const begun = performance.now()
    const waits = await Promise.all(arrivals.map(async ({ time, model }) => {
      await delay(begun + time - performance.now())
      return await firstByte(url, model)
    }))
    await url.destroy()
    return waits.reduce((sum, wait) => sum + wait, 0) / waits.length
  } finally {
    await app.close()
    mock.close()
    process.env.PATH = path
  }
}

/** @param {Pool} url @param {string} model */
async function firstByte (url, model) {
  const began = performance.now()
  const body = JSON.stringify({ model, prompt: 'x', max_tokens: tokens, stream: true })
  const answer = await url.request({ method: 'POST', path: '/v1/completions', headers: { 'content-type': 'application/json' }, body })
  if (answer.statusCode !== 200) throw new Error(`${model} answered ${answer.statusCode}: ${await answer.body.text()}`)
  let wait = NaN
  answer.body.once('data', () => { wait = performance.now() - began })
  await finished(answer.body)
  return wait
}
