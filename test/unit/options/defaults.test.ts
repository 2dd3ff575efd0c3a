import { engines } from '../../../lib/engines/index.ts'
import { describe, expect, test } from 'vitest'
import { knownRoutes } from '../../../lib/options/index.ts'
import { modelOf, withModel, withTop } from './helper.ts'

describe('with only a model\'s name given', () => {
  const options = withModel({})

  test('every model option has its documented default', () => {
    expect(modelOf(options)).toEqual({
      id: 'a',
      engine: engines.vllm,
      readyPath: undefined,
      path: 'a',
      aliases: [],
      adapters: [],
      adapterPaths: {},
      maxAdapters: 8,
      args: [],
      env: {},
      command: 'vllm',
      timeouts: {
        start: 300_000,
        sleep: 120_000,
        wake: 120_000,
        reload: 60_000,
        resetPrefixCache: 30_000,
        health: 5_000,
        drain: 300_000,
        queue: 600_000,
        passive: 60_000,
        wedged: 60_000,
        stalled: 60_000,
        memory: 30_000,
        stop: 10_000
      },
      preload: false,
      maxConcurrency: 256,
      maxQueue: undefined,
      warmup: false,
      port: undefined,
      sleepLevel: 1,
      sleepMode: true,
      freeze: true,
      gpus: [0],
      gpuNames: [],
      gpuEnv: {},
      gpuShare: 1,
      resident: false,
      level2Safe: false,
      sleepAuto: false,
      idleTimeout: 0,
      idleStopTimeout: 0,
      keepAwake: false
    })
  })

  test('every top-level option has its documented default', () => {
    const { models, ...top } = options
    expect(top).toEqual({
      names: new Map([['a', 'a']]),
      prefix: '',
      policy: { type: 'even-handed', beta: 0.5, maxWait: 60_000 },
      priority: false,
      mayCauseSwitch: undefined,
      learnedFile: undefined,
      record: {},
      engineLogLevel: 'debug',
      closeWithGrace: undefined,
      routes: knownRoutes.map(route => route.path),
      modelHeader: 'model-override',
      defaultModel: undefined,
      fallbackUpstream: undefined,
      forwardCredentials: false,
      exposeEngineOutput: false,
      heartbeat: false,
      replay: true,
      gpuMemoryCommand: undefined,
      bodyLimit: 33_554_432,
      maxQueue: 1_000,
      hostMemory: 0.8,
      maxQueueBytes: 536_870_912,
      timeouts: {
        start: 300_000,
        sleep: 120_000,
        wake: 120_000,
        reload: 60_000,
        resetPrefixCache: 30_000,
        health: 5_000,
        body: 60_000,
        drain: 300_000,
        queue: 600_000,
        passive: 60_000,
        grace: 30_000,
        wedged: 60_000,
        stalled: 60_000,
        memory: 30_000,
        stop: 10_000
      }
    })
  })
})

test('an option that is undefined is as good as not given', () => {
  const options = withModel({ port: undefined, path: undefined, timeouts: undefined, sleepLevel: undefined }, { prefix: undefined, policy: undefined, command: undefined, timeouts: { stop: undefined } })
  expect(options).toEqual(withModel({}))
})

test('a model inherits the top-level command, and its own wins', () => {
  const options = withModel({}, { command: ['uv', 'run', 'vllm'] })
  expect(modelOf(options).command).toEqual(['uv', 'run', 'vllm'])
  expect(modelOf(withModel({ command: 'other' }, { command: 'vllm' })).command).toBe('other')
})

test('a command may be a function', () => {
  const command = (): string[] => ['vllm']
  expect(modelOf(withModel({ command })).command).toBe(command)
})

test('a model inherits each top-level timeout that it does not set itself', () => {
  const { timeouts } = modelOf(withModel({ timeouts: { wake: 7, stop: undefined } }, { timeouts: { start: 5, wake: 6, stop: 4, body: 3 } }))
  expect(timeouts).toMatchObject({ start: 5, wake: 7, stop: 4, sleep: 120_000 })
  expect(timeouts).not.toHaveProperty('body')
  expect(timeouts).not.toHaveProperty('grace')
})

test('a model\'s timeout does not change the top-level one', () => {
  expect(withModel({ timeouts: { queue: 1 } }).timeouts.queue).toBe(600_000)
})

test('the policy may be a word or an object', () => {
  expect(withTop({ policy: 'fifo' }).policy).toEqual({ type: 'fifo', minActive: 0 })
  expect(withTop({ policy: { type: 'fifo' } }).policy).toEqual({ type: 'fifo', minActive: 0 })
  expect(withTop({ policy: { type: 'fifo', minActive: 5_000 } }).policy).toEqual({ type: 'fifo', minActive: 5_000 })
  expect(withTop({ policy: { type: 'simple', perRequest: 1 } }).policy).toEqual({ type: 'simple', perRequest: 1, perSecond: 0.3, maxWait: 120_000 })
})

test('the policy may be a function', () => {
  const policy = () => ({ wake: undefined, evict: [], lookAgainAt: undefined })
  expect(withTop({ policy }).policy).toBe(policy)
})

test('the header\'s name is put in lower case, as Node gives it', () => {
  expect(withTop({ modelHeader: 'X-Model' }).modelHeader).toBe('x-model')
  expect(withTop({ modelHeader: false }).modelHeader).toBe(false)
})

test('every known route is one that vLLM serves by POST with a model, and none controls an engine', () => {
  const paths = knownRoutes.map(route => route.path)
  expect(new Set(paths).size).toBe(paths.length)
  expect(paths).toContain('/v1/chat/completions')
  expect(knownRoutes.filter(route => route.body === 'multipart').map(route => route.path)).toEqual(['/v1/audio/transcriptions', '/v1/audio/translations'])
  expect(paths.filter(path => /sleep|wake|collective|reset|load|models|health/.test(path))).toEqual([])
})
