import type { StartStage } from '../events.ts'
import type { EngineAdapter } from './adapter.ts'
import { productOf } from './arguments.ts'
import { recognise } from './start-cause.ts'
import { versionAt, wakeSteps } from './tagged-memory.ts'
import { readBySigns } from './vllm-log.ts'

const stageSigns: ReadonlyArray<readonly [StartStage, RegExp]> = [
  ['loading', /Loading .*shards:.*?(\d+)\/(\d+)/],
  ['capturing', /Capturing batches.*?(\d+)\/(\d+) \[/],
  ['initializing', /server_args=ServerArgs\(|Init torch distributed begin/],
  ['loading', /Load weight begin/],
  ['profiling', /Load weight end|KV Cache is allocated|Memory pool end/],
  ['capturing', /Capture cuda graph begin/i],
  ['listening', /Started server process|The server is fired up/]
]

const parallelSize = (args: readonly string[]) => productOf(args, ['--tensor-parallel-size', '--tp-size', '--tp'], ['--pipeline-parallel-size', '--pp-size', '--pp'], ['--data-parallel-size', '--dp-size', '--dp'])

/**
 * https://docs.sglang.ai, from its source and documentation: this adapter has not run on a GPU. Level 1 keeps the weights in
 * host memory, level 2 loads them again.
 */
export const sglang: EngineAdapter = Object.freeze<EngineAdapter>({
  name: 'SGLang',
  levels: [1, 2, 3],
  command: 'python3 -m sglang.launch_server',
  /** Without the second variable `/health` generates a token, which a sleeping engine cannot. */
  env: { NO_COLOR: '1', SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION: 'false' },
  memoryFlag: '--mem-fraction-static',
  ownFlags: new Map([
    ['--host', 'engines listen on this machine only'],
    ['--port', 'use the option port'],
    ['--model-path', 'use the option path'],
    ['--model', 'use the option path'],
    ['--served-model-name', 'use the key in models'],
    ['--enable-memory-saver', 'use the option sleepMode'],
    ['--enable-weights-cpu-backup', 'use the option sleepLevel'],
    ['--api-key', 'everyone on this machine could read it in the command line']
  ]),
  routes: ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages', '/v1/messages/count_tokens', '/v1/embeddings', '/v1/score', '/v1/rerank', '/tokenize', '/detokenize', '/v1/audio/transcriptions'],

  argv: ({ command, path, servedNames, address, sleepMode, sleepLevel, gpus, args }) => [
    ...command, '--model-path', path,
    '--served-model-name', servedNames[0]!,
    '--host', '127.0.0.1', ...('port' in address ? ['--port', String(address.port)] : []),
    ...(sleepMode && sleepLevel !== 3 ? ['--enable-memory-saver'] : []),
    ...(sleepMode && sleepLevel === 1 ? ['--enable-weights-cpu-backup'] : []),
    ...(gpus > 1 && parallelSize(args) === undefined ? ['--tp-size', String(gpus)] : []),
    ...args
  ],
  usesSocket: () => false,
  parallelSize,

  version: async calls => await versionAt(calls, '/server_info'),
  sleep: async calls => await calls.order('/release_memory_occupation', {}),
  wakeSteps,
  wake: async (calls, tag) => await calls.order('/resume_memory_occupation', tag === undefined ? {} : { tags: tag === 'kv_cache' ? ['kv_cache', 'cuda_graph'] : [tag] }),
  reload: async calls => await calls.order('/update_weights_from_disk', { model_path: calls.path }),
  resetPrefixCache: async calls => await calls.order('/flush_cache'),
  readSign: text => readBySigns(text, stageSigns),
  startCause: lines => recognise(lines)
})
