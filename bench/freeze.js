import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { mockCommand } from './helpers/programs.js'
import { round } from './helpers/statistics.js'

/** A switch takes 0.1 s. */
const flags = ['--mock-sleep-ms', '40', '--mock-wake-ms', '60', '--mock-token-ms', '10', '--mock-quiet']

/** How long model a has been streaming when b is asked for. Milliseconds. */
const lead = 1_000

/**
 * Model a streams 2,000 tokens, one every 10 ms; a second later somebody asks b for one answer. With freezing and without: how
 * long b's first byte takes, and what a's stream is made to wait.
 * @param {import('./run.js').Options} options
 */
export async function freezing ({ quick }) {
  const tokens = quick ? 300 : 2_000
  const draining = await measure(false, tokens)
  const frozen = await measure(true, tokens)
  if (frozen.text !== draining.text) throw new Error('the answer that was frozen is another one')
  return [
    { what: `freeze: false, ${tokens} tokens`, 'first byte of b, ms': round(draining.firstByte), 'longest gap in a, ms': round(draining.gap), 'a in all, ms': round(draining.took) },
    { what: `freeze: true, ${tokens} tokens`, 'first byte of b, ms': round(frozen.firstByte), 'longest gap in a, ms': round(frozen.gap), 'a in all, ms': round(frozen.took) },
    { what: 'ratio', 'first byte of b, ms': round(frozen.firstByte / draining.firstByte), 'longest gap in a, ms': '', 'a in all, ms': round(frozen.took / draining.took) }
  ]
}

/** @param {boolean} freeze @param {number} tokens */
async function measure (freeze, tokens) {
  const app = Fastify()
  await app.register(llmux, { closeWithGrace: false, freeze, command: [...mockCommand], models: { a: { args: flags }, b: { args: flags } } })
  const url = new Pool(await app.listen({ port: 0, host: '127.0.0.1' }))
  try {
    // There and back twice, so that it is known what a switch costs.
    for (const model of ['b', 'a', 'b', 'a']) await app.llmux.switchTo(model)
    const long = read(url, 'a', tokens)
    await delay(lead)
    const short = await read(url, 'b', 1)
    return { ...await long, firstByte: short.firstByte }
  } finally {
    await app.close()
    await url.destroy()
  }
}

/** @param {Pool} url @param {string} model @param {number} tokens */
async function read (url, model, tokens) {
  const began = performance.now()
  const body = JSON.stringify({ model, prompt: 'x', max_tokens: tokens, stream: true })
  const answer = await url.request({ method: 'POST', path: '/v1/completions', headers: { 'content-type': 'application/json' }, body })
  let [text, last, gap, firstByte] = ['', 0, 0, 0]
  for await (const chunk of answer.body) {
    const now = performance.now()
    if (last === 0) firstByte = now - began
    else gap = Math.max(gap, now - last)
    last = now
    text += chunk
  }
  const words = [...text.matchAll(/"text":"([^"]*)"/g)].map(([, word]) => word).join('').replace(/#\d+/g, '')
  return { text: words, firstByte, gap, took: performance.now() - began }
}
