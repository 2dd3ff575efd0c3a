import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeNvidiaSmi } from '../helpers/nvidia-smi.js'

/**
 * Nine models on four GPUs: whole ones, shares, a resident, tensor parallel over two, and some that may live on any.
 * @type {Array<Pick<import('fastify-llmux').ModelOptions, 'gpus' | 'gpuShare' | 'resident'>>}
 */
export const nineOnFour = [
  { gpus: [0] },
  { gpus: { any: 1 }, gpuShare: 0.6 },
  { gpus: [1, 2], gpuShare: 0.7 },
  { gpus: [0], gpuShare: 0.5 },
  { gpus: [0], gpuShare: 0.4 },
  { gpus: [3], gpuShare: 0.3, resident: true },
  { gpus: [2], gpuShare: 0.3 },
  { gpus: { any: 2 }, gpuShare: 0.5 },
  { gpus: [3], gpuShare: 0.7 }
]

/** Simulated GPUs in a directory, and a `nvidia-smi` for them. Returns where that is. @param {string} directory @param {number} devices @param {string[]} command */
export function makeDevices (directory, devices, command) {
  writeFileSync(join(directory, 'gpu.json'), JSON.stringify({ totalMiB: 80_000, devices }))
  return makeNvidiaSmi(directory, command)
}

/** An engine that did not find the memory that it was to have. @param {import('./checker.js').MockRecord[]} records */
export function tooLittleMemory (records) {
  return records
    .filter(({ event, why }) => /-failed$/.test(event) && /Free memory|out of memory/.test(why))
    .map(({ engine, event, why }) => `${engine}: ${event}: ${why}`)
}

/**
 * Watches for GPUs that stand idle although a request waits for a model that would fit there.
 * @param {import('fastify-llmux').Llmux} llmux
 * @param {Record<string, { gpuShare?: number }>} models
 */
export function watchIdleGpus (llmux, models) {
  /** @type {Set<string>} */
  const faults = new Set()
  let due = false
  const look = () => {
    if (due) return
    due = true
    // Events are told in the midst of what happens: what is so when it is over counts.
    setImmediate(() => {
      due = false
      for (const fault of idle(llmux.status(), models)) faults.add(fault)
    })
  }
  llmux.events.on('request', look)
  llmux.events.on('transition', look)
  return faults
}

/** @param {import('fastify-llmux').LlmuxStatus} status @param {Record<string, { gpuShare?: number }>} options */
function idle ({ models, transitions }, options) {
  const share = (/** @type {string} */ name) => options[name]?.gpuShare ?? 1
  const moving = new Set(transitions.flatMap(({ wake, evict }) => [wake ?? '', ...evict]))
  const busy = new Set(models.filter(({ name }) => moving.has(name)).flatMap(({ gpus }) => gpus))
  const waiting = models.filter((model) => model.waiting > 0 && !['awake', 'failed'].includes(model.state) && model.retryAt === undefined)
  return waiting.filter(({ name, gpus }) => {
    // A model that has waited longer may keep a GPU free until it gets all of its own.
    const contended = waiting.some((other) => other.name !== name && other.gpus.some((gpu) => gpus.includes(gpu)))
    const room = gpus.every((gpu) => !busy.has(gpu) && models.filter((other) => other.state === 'awake' && other.gpus.includes(gpu)).reduce((sum, other) => sum + share(other.name), share(name)) <= 1 + 1e-9)
    return !contended && room
  }).map(({ name, gpus }) => `${name} waits although there is room for it on GPU ${gpus.join(', ')}`)
}
