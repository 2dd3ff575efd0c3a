import type { EngineAdapter } from './adapter.ts'
import { numberOf, productOf } from './arguments.ts'
import { recognise } from './start-cause.ts'
import { versionAt, wakeSteps } from './tagged-memory.ts'
import { banner, parseSleepReport, parseWeights, readSign } from './vllm-log.ts'

/**
 * The first minor version of 0.x that goes on after a sleep at this level. `mode=keep` came with vLLM 0.17, in
 * vllm-project/vllm#34528. From level 2 that one lets requests go on when the weights are allocated, before they are loaded:
 * garbage. 0.26 and 0.32 wait for the last tag; where between them and 0.17 that changed is not known.
 */
const firstKeeping = { 1: 17, 2: 26 } as const

const parallelSize = (args: readonly string[]) =>
  productOf(args, ['--tensor-parallel-size', '-tp'], ['--pipeline-parallel-size', '-pp'], ['--data-parallel-size', '-dp'])

/** https://docs.vllm.ai, as of 0.17 to 0.32. */
export const vllm: EngineAdapter = Object.freeze<EngineAdapter>({
  name: 'vLLM',
  levels: [1, 2, 3],
  command: 'vllm',
  /** The control endpoints, and no colours. */
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
    // In the command line everybody on the machine could read it, and our own calls would be refused.
    ['--api-key', 'use env.VLLM_API_KEY']
  ]),

  /** The served names come before another flag, which ends their list. */
  argv: ({ command, path, servedNames, address, sleepMode, gpus, memoryShare, args }) => [
    ...command, 'serve', path,
    '--served-model-name', ...servedNames,
    ...('port' in address ? ['--port', String(address.port), '--host', '127.0.0.1'] : ['--uds', address.socket]),
    ...(sleepMode ? ['--enable-sleep-mode'] : []),
    ...(gpus > 1 && parallelSize(args) === undefined ? ['--tensor-parallel-size', String(gpus)] : []),
    ...(memoryShare === undefined ? [] : ['--gpu-memory-utilization', String(memoryShare)]),
    ...args
  ],
  parallelSize,

  /** `/is_sleeping` has to ask the core, and a core that is stopped has no answer, one that is dead an error. */
  responds: async calls => await calls.status('/is_sleeping') < 500,
  version: async calls => await versionAt(calls, '/version'),

  /** `wait` where nothing should be running any more: what is, is not cut as if it were complete. */
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
    // With several engines behind one API process a pause has been seen to hang: not unless asked for.
    allowedBy: args => (numberOf(args, '--data-parallel-size', '-dp') ?? 1) <= 1
  },

  readSign,
  readWeights: parseWeights,
  readSleepReport: parseSleepReport,
  startCause: lines => recognise(lines)
})
