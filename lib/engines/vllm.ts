import type { EngineAdapter } from './adapter.ts'
import { flagOf, numberOf, productOf } from './arguments.ts'
import { recognise } from './start-cause.ts'
import { versionAt, wakeSteps } from './tagged-memory.ts'
import { banner, parseSleepReport, parseWeights, readSign } from './vllm-log.ts'

/**
 * The first minor version of 0.x whose requests continue after a sleep at this level. `mode=keep` came with vLLM 0.17, in
 * vllm-project/vllm#34528. From level 2, 0.17 lets requests continue when the weights are allocated, before they are loaded:
 * garbage. 0.26 and 0.32 wait for the last tag; the versions between were not tested.
 */
const firstKeeping = { 1: 17, 2: 26 } as const

const parallelSize = (args: readonly string[]) =>
  productOf(args, ['--tensor-parallel-size', '-tp'], ['--pipeline-parallel-size', '-pp'], ['--data-parallel-size', '-dp'])

/** Without `--max-cpu-loras` it keeps only as many as one batch may contain, and reads the others again at each use. */
function loraArgs (count: number, args: readonly string[]): string[] {
  const given = (...flags: string[]) => args.some(argument => flags.includes(flagOf(argument)))
  return [
    ...(given('--enable-lora') ? [] : ['--enable-lora']),
    ...(given('--max-loras', '--max-cpu-loras') ? [] : ['--max-cpu-loras', String(count)])
  ]
}

/** https://docs.vllm.ai, as of 0.17 to 0.32. */
export const vllm: EngineAdapter = Object.freeze<EngineAdapter>({
  name: 'vLLM',
  levels: [1, 2, 3],
  command: 'vllm',
  /** Enables the control endpoints, without colours. */
  env: { VLLM_SERVER_DEV_MODE: '1', NO_COLOR: '1' },
  keyVariable: 'VLLM_API_KEY',
  noise: banner,
  memoryFlag: '--gpu-memory-utilization',
  defaultMemoryShare: 0.92,
  ownFlags: new Map([
    ['--port', 'use the option port'],
    ['--uds', 'leave the option port out'],
    ['--host', 'engines listen on this machine only'],
    ['--served-model-name', 'use the key in models and the option aliases'],
    ['--enable-sleep-mode', 'use the option sleepMode'],
    ['--no-enable-sleep-mode', 'use the option sleepMode'],
    // On the command line everyone on the machine could read it, and the gateway's own calls would be refused.
    ['--api-key', 'use env.VLLM_API_KEY']
  ]),

  /** The served names come before another flag, which ends their list. */
  argv: ({ command, path, servedNames, address, sleepMode, gpus, memoryShare, adapters, args }) => [
    ...command, 'serve', path,
    '--served-model-name', ...servedNames,
    ...('port' in address ? ['--port', String(address.port), '--host', '127.0.0.1'] : ['--uds', address.socket]),
    ...(sleepMode ? ['--enable-sleep-mode'] : []),
    ...(gpus > 1 && parallelSize(args) === undefined ? ['--tensor-parallel-size', String(gpus)] : []),
    ...(memoryShare === undefined ? [] : ['--gpu-memory-utilization', String(memoryShare)]),
    ...(adapters > 0 ? loraArgs(adapters, args) : []),
    ...args
  ],
  parallelSize,

  /** `/is_sleeping` asks the core: a stopped core does not answer, a dead one causes an error. */
  responds: async calls => await calls.status('/is_sleeping') < 500,
  version: async calls => await versionAt(calls, '/version'),

  /** `wait` if nothing should be running any more: a request that still runs is not cut as if it were complete. */
  sleep: async (calls, level, mode) => await calls.order(`/sleep?level=${level}&mode=${mode}`),
  wakeSteps,
  wake: async (calls, tag) => await calls.order(tag === undefined ? '/wake_up' : `/wake_up?tags=${tag}`),
  reload: async calls => await calls.order('/collective_rpc', { method: 'reload_weights' }),
  resetPrefixCache: async calls => await calls.order('/reset_prefix_cache'),
  freeze: {
    since: level => `0.${firstKeeping[level]}`,
    keeps (version, level) {
      const [, major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(version ?? '') ?? []).map(Number)
      return major > 0 || minor >= firstKeeping[level]
    },
    // With several engines behind one API process a pause has been seen to hang, so it is off by default.
    allowedBy: args => (numberOf(args, '--data-parallel-size', '-dp') ?? 1) <= 1
  },

  lora: {
    env: { VLLM_ALLOW_RUNTIME_LORA_UPDATING: '1' },
    async load (calls, name, path) {
      const adapter = { lora_name: name, lora_path: path }
      // 400: it has one of that name. What is left of it after a sleep at level 2 is not what was loaded.
      if (await calls.post('/v1/load_lora_adapter', adapter) === 200) return
      await calls.post('/v1/unload_lora_adapter', { lora_name: name })
      await calls.order('/v1/load_lora_adapter', adapter)
    },
    // 404: it has none of that name, which is just as well.
    async unload (calls, name) { await calls.post('/v1/unload_lora_adapter', { lora_name: name }) }
  },

  readSign,
  readWeights: parseWeights,
  readSleepReport: parseSleepReport,
  startCause: lines => recognise(lines)
})
