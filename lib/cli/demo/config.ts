import { startMock } from '../../mock/index.ts'
import type { ModelOptions } from '../../options/types.ts'
import { gatewayDefaults, type Config } from '../config/config.ts'

/** Roughly the times of a real engine with a small model on a fast GPU. Milliseconds. */
const times = { startMs: 6_000, sleepMs: 900, wakeMs: 1_400, stopMs: 300, promptMs: 250, tokenMs: 35 }

/** Four models that each fill the GPU. The last one needs too much memory, to show a failed start. */
const models: Record<string, ModelOptions> = {
  'qwen3-14b': { path: 'Qwen/Qwen3-14B', aliases: ['qwen'] },
  'gemma-3-12b': { path: 'google/gemma-3-12b-it', aliases: ['gemma'] },
  'mistral-small-24b': { path: 'mistralai/Mistral-Small-24B', sleepLevel: 2 },
  'llama-70b': { path: 'meta-llama/Llama-3.3-70B-Instruct', env: { MOCK_VLLM_FAULT: 'start=exit@1/1500' } }
}

/** Mock engines on a simulated GPU: what you can see without a GPU. */
export function demoConfig (): Config {
  const mock = startMock({ flags: times })
  process.on('exit', () => mock.close())
  const full = Object.fromEntries(Object.entries(models).map(([name, model]) => [name, { ...model, args: ['--gpu-memory-utilization', '0.9'] }]))
  return { shape: 'fastify-llmux', options: { ...mock.options, models: full }, gateway: { ...gatewayDefaults }, notes: [] }
}
