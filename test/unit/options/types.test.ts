import { expect, test } from 'vitest'
import type { LlmuxOptions, ModelOptions } from '../../../lib/options/index.ts'
import { modelSchema, objectOf, optionsSchema } from '../../../lib/options/schema.ts'

interface Example { first?: string, second?: number }

test('a key that is in the type but not in the schema, or the reverse, does not compile', () => {
  // @ts-expect-error second is missing
  objectOf<Example>('', { first: {} })
  // @ts-expect-error third is in the schema only
  objectOf<Example>('', { first: {}, second: {}, third: {} })
  expect(Object.keys(objectOf<Example>('', { first: {}, second: {} }).properties)).toEqual(['first', 'second'])
})

test('every option of the type can be written, and the schema knows it', () => {
  const model: Required<ModelOptions> = {
    engine: 'vllm',
    stopCommand: 'docker stop tei',
    container: { image: 'vllm/vllm-openai', rootfs: '/srv/rootfs', runtime: 'podman', command: ['podman'], args: ['--ipc=host'], models: '/models', network: 'none' },
    readyPath: '/health',
    url: 'http://10.0.0.7:8000',
    apiKey: 'key',
    path: 'org/a',
    aliases: ['b'],
    adapters: ['c'],
    maxAdapters: 8,
    args: ['--dtype', 'auto'],
    env: { A: '1' },
    command: 'vllm',
    timeouts: { start: 1, sleep: 1, wake: 1, reload: 1, resetPrefixCache: 1, health: 1, drain: 1, queue: 1, passive: 1, wedged: 1, stalled: 1, memory: 1, stop: 1 },
    preload: true,
    idleTimeout: 1,
    idleStopTimeout: 2,
    keepAwake: false,
    maxConcurrency: 1,
    maxQueue: 1,
    warmup: true,
    port: 8000,
    sleepLevel: 2,
    sleepMode: true,
    freeze: 'late',
    gpus: [0],
    gpuShare: 1,
    resident: false,
    level2Safe: false
  }
  const options: Required<LlmuxOptions> = {
    models: { a: model },
    command: ({ model, port, socket }) => ['vllm', 'serve', model, String(port ?? socket)],
    prefix: '/llm',
    policy: { type: 'fifo', minActive: 1 },
    edgeKey: 'key',
    priority: true,
    freeze: false,
    mayCauseSwitch: () => true,
    learnedFile: 'learned.json',
    record: { arrivals: 'arrivals.csv', decisions: 'decisions.jsonl' },
    engineLogLevel: 'info',
    closeWithGrace: true,
    routes: ['/v1/completions'],
    modelHeader: 'x-model',
    defaultModel: 'c',
    fallbackUpstream: 'http://localhost:1',
    forwardCredentials: true,
    exposeEngineOutput: true,
    heartbeat: 5_000,
    replay: false,
    gpuMemoryCommand: ['nvidia-smi'],
    bodyLimit: 1,
    maxQueue: 1,
    hostMemory: 0.5,
    maxQueueBytes: 1,
    timeouts: { ...model.timeouts, body: 1, grace: 1 }
  }
  expect(Object.keys(optionsSchema.properties).sort()).toEqual(Object.keys(options).sort())
  expect(Object.keys(modelSchema.properties).sort()).toEqual(Object.keys(model).sort())
})
