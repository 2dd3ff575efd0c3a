import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { LlmuxOptions, ModelOptions } from '../../options/types.ts'
import { gatewayDefaults, type Config } from '../config/config.ts'

/** About the times of a real engine with a small model on a fast GPU. Milliseconds. */
const times = { START: '6000', SLEEP: '900', WAKE: '1400', STOP: '300', PROMPT: '250', TOKEN: '35' }

/** Four models that fill the GPU, each for itself. The last has too little memory, and shows what a failed start looks like. */
const models: Record<string, ModelOptions> = {
  'qwen3-14b': { path: 'Qwen/Qwen3-14B', aliases: ['qwen'] },
  'gemma-3-12b': { path: 'google/gemma-3-12b-it', aliases: ['gemma'] },
  'mistral-small-24b': { path: 'mistralai/Mistral-Small-24B', sleepLevel: 2 },
  'llama-70b': { path: 'meta-llama/Llama-3.3-70B-Instruct', env: { MOCK_VLLM_FAULT: 'start=exit@1/1500' } }
}

/** Mock engines on a simulated GPU: what there is to see without a GPU of one's own. */
export function demoConfig (): Config {
  const gpu = mkdtempSync(join(tmpdir(), 'llmux-demo-gpu-'))
  process.on('exit', () => rmSync(gpu, { recursive: true, force: true }))
  return { shape: 'fastify-llmux', options: options(gpu), gateway: { ...gatewayDefaults }, notes: [] }
}

function options (gpu: string): LlmuxOptions {
  const mock = join(dirname(createRequire(import.meta.url).resolve('fastify-llmux/package.json')), 'mock-vllm/bin.js')
  const env = { ...Object.fromEntries(Object.entries(times).map(([name, value]) => [`MOCK_VLLM_${name}_MS`, value])), MOCK_VLLM_GPU: gpu }
  return {
    models: Object.fromEntries(Object.entries(models).map(([name, model]) => [name, { ...model, args: ['--gpu-memory-utilization', '0.9'], env: { ...env, ...model.env } }])),
    command: [process.execPath, mock],
    gpuMemoryCommand: [process.execPath, mock, 'gpu', '--gpu', gpu, '--processes']
  }
}
