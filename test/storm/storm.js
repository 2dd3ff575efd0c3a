import { readdirSync, readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { Agent } from 'undici'
import { check } from './checker.js'
import { fire, shotHeader } from './client.js'
import { byHand, freezeAtRandom, watchFrozen } from './frozen.js'
import { makeDevices, nineOnFour, tooLittleMemory, watchIdleGpus } from './gpus.js'
import { plan, poisonWord } from './plan.js'

const mock = fileURLToPath(new URL('../../mock-vllm/bin.js', import.meta.url))

/** @type {import('fastify-llmux').PolicyOption[]} */
export const policies = ['fifo', { type: 'fifo', minActive: 500 }, 'even-handed', 'simple', 'cost-aware', 'time-slice']

/**
 * @typedef {import('./plan.js').StormOptions & { policy?: import('fastify-llmux').PolicyOption, heartbeat?: number | false, home?: (gpu: string) => import('fastify-llmux').ModelOptions }} Options
 * `home`: where the engines live, if not in process groups of ours
 * @typedef {{ outcomes: import('./client.js').Outcome[], faults: string[], tally: Record<string, number>, transitions: number, frozen: number }} Report
 */

/**
 * Lets a storm loose on a gateway in this process, in front of real processes of mocks on one simulated GPU, and checks what
 * came of it.
 * @param {Options} options
 * @returns {Promise<Report>}
 */
export async function storm (options) {
  const gpu = mkdtempSync(join(tmpdir(), 'storm-'))
  const path = process.env.PATH
  const { devices = 1 } = options
  const app = await gateway(options, gpu)
  const seen = watch(app.llmux.events)
  const frozen = watchFrozen(app.llmux)
  const idle = devices > 1 ? watchIdleGpus(app.llmux, Object.fromEntries(nineOnFour.map((model, index) => [`model-${index}`, model]))) : new Set()
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connections: null })
  try {
    const [outcomes] = await Promise.all([fireAll(plan(options), url, dispatcher, gpu), freezeAtRandom(app.llmux, options)])
    const faults = await leftovers(app)
    await app.close()
    const records = readRecords(gpu)
    faults.push(...frozen.faults, ...idle, ...check({ outcomes, records, ...seen, devices }), ...await processesLeft(records))
    if (devices > 1) faults.push(...tooLittleMemory(records))
    return { outcomes, faults, tally: tally(outcomes), transitions: seen.transitions.filter(({ to }) => to === 'idle').length, frozen: frozen.count }
  } finally {
    await dispatcher.destroy()
    await app.close()
    process.env.PATH = path
    rmSync(gpu, { recursive: true, force: true })
  }
}

/** @param {Options} options @param {string} gpu */
async function gateway ({ models, policy = 'fifo', heartbeat = false, devices = 1, home = () => ({}) }, gpu) {
  const memory = [process.execPath, mock, 'gpu', '--gpu', gpu]
  if (devices > 1) process.env.PATH = `${makeDevices(gpu, devices, memory)}:${process.env.PATH}`
  // So that an event of the gateway's and a record of a mock's can be told to be of the same shot.
  const app = Fastify({ bodyLimit: 8 * 1024 ** 2, requestIdHeader: shotHeader })
  const names = Array.from({ length: models }, (_, index) => `model-${index}`)
  await app.register(llmux, {
    command: [process.execPath, mock],
    policy,
    closeWithGrace: false,
    gpuMemoryCommand: memory,
    heartbeat,
    timeouts: { queue: 120_000, drain: 20_000, stop: 3_000 },
    models: Object.fromEntries(names.map((name, index) => [name, {
      ...home(gpu),
      sleepLevel: /** @type {1 | 2 | 3} */ (index % 3 + 1),
      ...(devices > 1 && nineOnFour[index]),
      args: ['--mock-token-ms', '4', '--mock-prompt-ms', '20', '--mock-fault', `poison=die@${poisonWord}`],
      env: { MOCK_VLLM_GPU: gpu }
    }]))
  })
  return app
}

/** @param {import('fastify-llmux').Llmux['events']} events */
function watch (events) {
  /** @type {import('./checker.js').Change[]} */
  const transitions = []
  /** @type {import('./checker.js').Change[]} */
  const requests = []
  events.on('transition', ({ time, model, from, to, error, reason, request }) => {
    const unasked = reason.includes('could not be brought up') || request?.startsWith(byHand)
    transitions.push({ time, model, from, to, failed: error !== undefined, restores: unasked ?? false })
  })
  events.on('request', ({ time, model, from, to, request }) => requests.push({ time, model, from, to, request }))
  return { transitions, requests }
}

/**
 * @param {import('./plan.js').Shot[]} shots
 * @param {string} url
 * @param {Agent} dispatcher
 * @param {string} gpu
 */
async function fireAll (shots, url, dispatcher, gpu) {
  const start = performance.now()
  return await Promise.all(shots.map(async (shot) => {
    await delay(Math.max(0, shot.at - (performance.now() - start)))
    if (shot.crash === 'core' || shot.crash === 'api') kill(shot.crash, shot.model, gpu)
    return await fire(url, shot, dispatcher)
  }))
}

/** @param {'core' | 'api'} role @param {string} model @param {string} gpu */
function kill (role, model, gpu) {
  const engine = readRecords(gpu).findLast(({ event, engine }) => event === 'started' && engine === model)
  if (engine === undefined) return
  try {
    process.kill(engine[role], 'SIGKILL')
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error
  }
}

/** @param {string} gpu @returns {import('./checker.js').MockRecord[]} */
function readRecords (gpu) {
  if (!readdirSync(gpu).includes('records.jsonl')) return []
  return readFileSync(join(gpu, 'records.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
}

/** Counts that are not back to zero when everybody has been answered. @param {import('fastify').FastifyInstance} app */
async function leftovers (app) {
  const left = () => {
    const { waiting, waitingBytes, models } = app.llmux.status()
    return [waiting, waitingBytes, ...models.flatMap(({ inFlight, frozen }) => [inFlight, frozen])].some((count) => count > 0)
  }
  // Whoever hung up last is noticed a moment later.
  for (let i = 0; i < 100 && left(); i++) await delay(20)
  return left() ? [`counts not back to zero: ${JSON.stringify(app.llmux.status().models.map(({ name, inFlight, waiting, frozen }) => ({ name, inFlight, waiting, frozen })))}`] : []
}

/** @param {import('./checker.js').MockRecord[]} records */
export async function processesLeft (records) {
  const pids = [...new Set(records.flatMap(({ api, core }) => [api, core]))].filter((pid) => pid > 0)
  const alive = () => pids.filter((pid) => {
    try {
      return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('mock-vllm')
    } catch {
      // No such process, which is what is wanted.
      return false
    }
  })
  return alive().map((pid) => `process ${pid} is left`)
}

/** @param {import('./client.js').Outcome[]} outcomes */
export function tally (outcomes) {
  /** @type {Record<string, number>} */
  const counts = {}
  for (const { kind, code } of outcomes) {
    const name = code ? `${kind} ${code}` : kind
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}
