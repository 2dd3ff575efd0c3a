import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @typedef {import('fastify-llmux').LlmuxOptions} LlmuxOptions */

const mockVllm = fileURLToPath(new URL('../mock-vllm/bin.js', import.meta.url))

/** Two models that fill a 24 GiB GPU, each for itself. @type {LlmuxOptions['models']} */
const exampleModels = {
  'qwen-14b': { path: 'Qwen/Qwen3-14B', args: ['--gpu-memory-utilization', '0.9'] },
  'gemma-12b': { path: 'google/gemma-3-12b-it', aliases: ['gemma'], args: ['--gpu-memory-utilization', '0.9'] }
}

/** A real engine's times, some hundred times faster: slow enough to watch. */
const mockTimes = {
  MOCK_VLLM_START_MS: '700',
  MOCK_VLLM_SLEEP_MS: '250',
  MOCK_VLLM_WAKE_MS: '120',
  MOCK_VLLM_TOKEN_MS: '20'
}

/**
 * What llmux is told: real models on a real vLLM, or mock engines on a simulated GPU of their own.
 * @param {import('./config.js').Config} config
 * @param {import('fastify').FastifyInstance} app
 * @returns {Promise<LlmuxOptions>}
 */
export async function llmuxOptions ({ vllm, models = exampleModels }, app) {
  if (vllm !== undefined) return { models, command: vllm }
  const gpu = process.env['MOCK_VLLM_GPU'] ?? await makeGpu(app)
  return {
    models: mapValues(models, model => mocked(model, gpu)),
    command: [process.execPath, mockVllm],
    gpuMemoryCommand: [process.execPath, mockVllm, 'gpu', '--gpu', gpu, '--processes']
  }
}

/** @param {import('fastify-llmux').ModelOptions} model @param {string} gpu */
function mocked (model, gpu) {
  // Engines have our environment too: what is set there counts.
  const times = Object.entries(mockTimes).filter(([name]) => process.env[name] === undefined)
  return { ...model, env: { ...Object.fromEntries(times), MOCK_VLLM_GPU: gpu, ...model.env } }
}

/** The simulated GPU is a directory, in which each engine notes what it holds. @param {import('fastify').FastifyInstance} app */
async function makeGpu (app) {
  const gpu = await mkdtemp(join(tmpdir(), 'llmux-example-gpu-'))
  app.addHook('onClose', () => rm(gpu, { recursive: true, force: true }))
  return gpu
}

/**
 * @template T, U
 * @param {Record<string, T>} object
 * @param {(value: T) => U} map
 * @returns {Record<string, U>}
 */
function mapValues (object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]))
}
