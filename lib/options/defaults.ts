import type { EngineName } from '../engines/index.ts'
import type { PolicyOption, PolicyOptions, ResolvedPolicy } from './policy-options.ts'
import type { Policy } from './policy-types.ts'
import { knownRoutes } from './routes.ts'
import type { Command, Freeze, ResolvedModel, ResolvedOptions, Timeouts } from './types.ts'

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

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/**
 * The own keys that are not undefined. Spread over defaults that name every key, neither `{ port: undefined }` nor a
 * polluted prototype takes effect.
 */
export function given<T extends object> (options: T | undefined): Given<T> {
  const entries = Object.entries(options ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Given<T>
}

export const policyDefaults: Readonly<{ [Type in PolicyOptions['type']]: Extract<ResolvedPolicy, { type: Type }> }> = {
  'even-handed': { type: 'even-handed', beta: 0.5, maxWait: 60_000 },
  fifo: { type: 'fifo', minActive: 0 },
  'cost-aware': { type: 'cost-aware', amortizationFactor: 0.5, coalesceWindow: 2_000, maxWait: 15_000 },
  'time-slice': { type: 'time-slice', minQuantum: 2_000, maxWait: 15_000 },
  simple: { type: 'simple', perRequest: 3, perSecond: 0.3, maxWait: 120_000 }
}

/** Fills in the defaults of a valid option. */
export function resolvePolicy (option: PolicyOption): ResolvedPolicy | Policy {
  if (typeof option === 'function') return option
  if (typeof option === 'string') return policyDefaults[option]
  return { ...policyDefaults[option.type], ...given(option) } as ResolvedPolicy
}
