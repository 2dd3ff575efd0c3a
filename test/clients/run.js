// usage: npm run test:clients -- [--client openai] [--json FILE]   after test/clients/install.sh, or with what is there
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { clients } from './clients.js'
import { key, startGateway } from './gateway.js'
import { judge } from './judge.js'
import { steps } from './steps.js'

/** @typedef {{ step: import('./steps.js').Step, saw: import('./steps.js').Saw | undefined, asked: number, faults: string[] }} Result */

/** Of one client, in milliseconds; 429 and 503 are tried again after some seconds. */
const longest = 180_000

const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
const { values } = parseArgs({ options: { client: { type: 'string', default: '' }, json: { type: 'string' } } })

/** @param {import('./clients.js').Client} client @returns {Promise<Result[]>} */
async function run (client) {
  const gateway = await startGateway()
  /** @type {Result[]} */
  const results = []
  const told = steps.map(({ expect, padding = 0, ...step }) => ({
    key, retries: 0, maxTokens: 8, schema, extra: { whitespace_pattern: ' ' }, content: `Say something.${' '.repeat(padding)}`, ...step
  }))
  try {
    // Awake before somebody fills the queue.
    await gateway.app.llmux.switchTo('plain')
    for await (const saw of play(client, gateway.url, told)) {
      const step = steps.find(({ name }) => name === saw.name)
      if (step !== undefined) results.push(await look(client, gateway, step, saw))
    }
  } finally {
    await gateway.close()
  }
  const seen = new Set(results.map(({ step }) => step))
  for (const step of steps) if (!seen.has(step)) results.push({ step, saw: undefined, asked: 0, faults: ['the program ended before this'] })
  return results
}

/** @param {import('./clients.js').Client} client @param {string} url @param {object[]} told */
async function * play ({ command: [program = '', ...args] }, url, told) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: longest })
  child.stdin.end(JSON.stringify({ url: `${url}/v1`, steps: told }))
  for await (const line of createInterface(child.stdout)) yield /** @type {import('./steps.js').Saw} */ (JSON.parse(line))
}

/**
 * Looks at what the gateway and the engine know of a step that a client has just done.
 * @param {import('./clients.js').Client} client
 * @param {Awaited<ReturnType<typeof startGateway>>} gateway
 * @param {import('./steps.js').Step} step
 * @param {import('./steps.js').Saw} saw
 * @returns {Promise<Result>}
 */
async function look (client, gateway, step, saw) {
  const expect = { ...step.expect, ...client.differs[step.name] }
  // The answer reaches its client a moment before the gateway counts it.
  if (expect.asked !== undefined) await until(() => gateway.answers.length >= /** @type {number} */ (expect.asked))
  const asked = gateway.answers.splice(0).length
  const engineSaw = expect.engineSaw && await lastBody(gateway.app, step.model)
  const aborted = expect.aborted === true && await until(() => gateway.records(step.model).some(({ event, reason }) => event === 'aborted' && reason === 'client'))
  return { step, saw, asked, faults: judge(step, saw, { expect, asked, engineSaw, aborted }) }
}

/** @param {() => boolean} condition */
async function until (condition) {
  for (let i = 0; i < 100 && !condition(); i++) await delay(50)
  return condition()
}

/** @param {import('fastify').FastifyInstance} app @param {string} model */
async function lastBody (app, model) {
  const lease = await app.llmux.acquire(model)
  try {
    const seen = /** @type {{ method: string, base64: string }[]} */ (await (await lease.fetch('/mock/requests')).json())
    const last = seen.find(({ method }) => method === 'POST')
    return JSON.parse(Buffer.from(last?.base64 ?? '', 'base64').toString() || '{}')
  } finally {
    lease.release()
  }
}

/** @param {Map<string, Result[]>} all */
function errorTable (all) {
  for (const { name, expect } of steps) {
    if (expect.status === undefined) continue
    console.log(`\n${name}`)
    for (const [client, results] of all) {
      const { error } = results.find(({ step }) => step.name === name)?.saw ?? {}
      const told = error ? `${error.type} · ${error.status ?? '–'} · ${error.code ?? '–'} · ${error.message?.split('\n')[0]?.slice(0, 110)}` : 'nothing'
      console.log(`  ${client.padEnd(23)} ${told}`)
    }
  }
}

/** @type {Map<string, Result[]>} */
const all = new Map()
const wanted = clients.filter(({ name }) => name.includes(values.client))
for (const client of wanted) {
  if (client.missing !== undefined) continue
  const results = await run(client)
  all.set(client.name, results)
  console.log(`\n${client.name}`)
  for (const { step, asked, faults } of results) console.log(`  ${faults.length === 0 ? '✔' : '✘'} ${step.name}${step.retries ? ` (asked ${asked} times)` : ''}${faults.map(fault => `\n      ${fault.slice(0, 500)}`).join('')}`)
}
console.log('\nWhat the client’s user sees of each error: class · status · code · message')
errorTable(all)
console.log()
for (const [name, results] of all) console.log(`${name}: ${results.filter(({ faults }) => faults.length === 0).length} of ${results.length} checks passed`)
for (const { name, missing } of wanted) if (missing !== undefined) console.log(`${name}: LEFT OUT (${missing})`)
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(Object.fromEntries(all), null, 2))
process.exitCode = [...all.values()].flat().every(({ faults }) => faults.length === 0) ? 0 : 1
