import type { EngineName } from '../engines/index.ts'
import { knownRoutes } from './routes.ts'
import type { Command, Freeze, PolicyOption, ResolvedModel, ResolvedOptions, Timeouts } from './types.ts'

/** Milliseconds. `sleep` and `wake` leave room for large models: 36 s has been measured for a 14B model at level 1. */
export const defaultTimeouts: Readonly<Required<Timeouts>> = Object.freeze({
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
})

// Created anew for each call: the result is frozen later, and must not be shared.

export const modelDefaults = (name: string): Omit<ResolvedModel, 'id' | 'engine' | 'container' | 'gpuNames' | 'gpuEnv' | 'command' | 'freeze' | 'sleepLevel' | 'sleepAuto' | 'timeouts'> & { engine: EngineName } => ({
  engine: 'vllm',
  path: name,
  aliases: [],
  adapters: [],
  adapterPaths: {},
  maxAdapters: 8,
  args: [],
  env: {},
  preload: false,
  idleTimeout: 0,
  idleStopTimeout: 0,
  keepAwake: false,
  maxConcurrency: 256,
  maxQueue: undefined,
  warmup: false,
  port: undefined,
  url: undefined,
  apiKey: undefined,
  stopCommand: undefined,
  readyPath: undefined,
  sleepMode: true,
  gpus: [0],
  gpuShare: 1,
  resident: false,
  level2Safe: false
})

type TopDefaults = Omit<ResolvedOptions, 'models' | 'names' | 'policy' | 'timeouts'> & { command: Command, freeze: Freeze, policy: PolicyOption, timeouts: Timeouts }

export const topDefaults = (): TopDefaults => ({
  command: 'vllm',
  prefix: '',
  policy: 'even-handed',
  priority: false,
  mayCauseSwitch: undefined,
  edgeKey: undefined,
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
  freeze: true,
  heartbeat: false,
  replay: true,
  gpuMemoryCommand: undefined,
  bodyLimit: 32 * 1024 ** 2,
  hostMemory: 0.8,
  maxQueue: 1_000,
  maxQueueBytes: 512 * 1024 ** 2,
  timeouts: {}
})
