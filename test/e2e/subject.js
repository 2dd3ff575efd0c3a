import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeNvidiaSmi } from '../helpers/nvidia-smi.js'
import { sizesOf, writeLora } from './lora.js'

/**
 * @typedef {object} Subject
 * @property {string} title
 * @property {string} python with the `openai` package; empty: none
 * @property {({ name: string } & import('fastify-llmux').ModelOptions)[]} models two of them
 * @property {Record<string, string>} [adapters] LoRA adapters of the first model, by name; default: none
 * @property {Record<string, string | undefined>} env of the example app
 * @property {number} patience milliseconds for whatever may take a start
 * @property {number} tokens of a long answer
 */

const names = ['tiny-a', 'tiny-b']

/** The real one, in the folder made by test/contract/install-vllm.sh; the path of its `vllm` will do too. @param {string} given @returns {Subject} */
export function realVllm (given) {
  const dir = resolve(given.endsWith('/bin/vllm') ? dirname(dirname(given)) : given)
  for (const path of ['bin/vllm', ...names.map(name => `models/${name}`)]) {
    if (!existsSync(join(dir, path))) throw new Error(`there is no ${path} in ${dir}: test/contract/install-vllm.sh makes it`)
  }
  return {
    title: `vLLM in ${dir}`,
    python: join(dir, 'bin/python'),
    models: names.map(name => ({ name, path: join(dir, 'models', name), sleepMode: /** @type {const} */ ('simulated'), env: { LLMUX_VLLM: dir } })),
    adapters: Object.fromEntries(['lora-x', 'lora-y'].map((name, index) => [name, writeLora(join(dir, 'adapters', name), { ...sizesOf(join(dir, 'models', 'tiny-a')), seed: index + 1 })])),
    env: { LLMUX_VLLM: fileURLToPath(new URL('../contract/vllm-cpu.sh', import.meta.url)) },
    patience: 300_000,
    tokens: 1000
  }
}

/** A vLLM with a GPU: its command, and the two models that it is to load. @param {string} command @param {string[]} paths @param {string[]} args @returns {Subject} */
export function vllmOnGpu (command, paths, args) {
  if (paths.length !== 2) throw new Error('two models are needed: --model PATH --model PATH')
  return {
    title: `${command} with ${paths.join(' and ')}`,
    python: '',
    models: paths.map((path, index) => ({ name: `model-${'ab'[index]}`, path, args })),
    env: { LLMUX_VLLM: command },
    patience: 300_000,
    tokens: 200
  }
}

/** To try this suite itself: it takes seconds. @param {string} gpu a directory that stands for the GPU @returns {Subject} */
export function mocks (gpu) {
  const mock = fileURLToPath(new URL('../../mock-vllm/bin.js', import.meta.url))
  return {
    title: 'mocks',
    python: '',
    models: names.map(name => ({ name, args: ['--mock-task', 'generate', '--mock-memory-lag', '0', '--mock-memory', '20000', '--mock-host-memory', '20'] })),
    adapters: { 'lora-x': gpu, 'lora-y': gpu },
    env: { LLMUX_VLLM: undefined, MOCK_VLLM_GPU: gpu, PATH: `${makeNvidiaSmi(gpu, [process.execPath, mock, 'gpu', '--gpu', gpu])}:${process.env['PATH']}` },
    patience: 20_000,
    tokens: 60
  }
}
