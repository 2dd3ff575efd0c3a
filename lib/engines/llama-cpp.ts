import type { StartStage } from '../events.ts'
import type { EngineAdapter } from './adapter.ts'
import { recognise, type CauseSigns } from './start-cause.ts'
import { readBySigns } from './vllm-log.ts'

const stageSigns: ReadonlyArray<readonly [StartStage, RegExp]> = [
  ['loading', /llama_model_loader: loaded meta data|load_tensors: loading model tensors|loading model '/],
  ['profiling', /llama_context: constructing|warming up the model/],
  ['listening', /server is listening on|HTTP server is listening|main: model loaded/]
]

/** llama.cpp's messages about failed starts. */
const causeSigns: CauseSigns = [
  ['port_taken', /couldn't bind (?:HTTP )?server socket|address already in use/i],
  ['gpu_memory', /cudaMalloc failed: out of memory|CUDA error: out of memory|ErrorOutOfDeviceMemory|unable to allocate CUDA\d* buffer/i],
  ['host_memory', /std::bad_alloc|Cannot allocate memory/i],
  ['architecture', /unknown model architecture/i],
  ['model_gated', /\b40[13]\b.*huggingface|gated repo/i],
  ['model_missing', /failed to open GGUF file|gguf_init_from_file: failed|No such file or directory/i],
  ['bad_argument', /error: invalid argument|error while handling argument/i]
]

/** A path is a file; a name is downloaded from the hub. */
const source = (path: string): string[] => /^(?:\/|\.\.?\/)|\.gguf$/i.test(path) ? ['--model', path] : ['--hf-repo', path]

/**
 * `llama-server` of https://github.com/ggml-org/llama.cpp, according to `tools/server/README.md`. It cannot sleep: a start
 * takes seconds. Its own router (several models behind one server) is not used.
 */
export const llamaCpp: EngineAdapter = Object.freeze<EngineAdapter>({
  name: 'llama.cpp',
  levels: [3],
  command: 'llama-server',
  keyVariable: 'LLAMA_API_KEY',
  ownFlags: new Map([
    ['--host', 'engines listen on this machine only'],
    ['--port', 'use the option port'],
    ['-m', 'use the option path'],
    ['--model', 'use the option path'],
    ['-hf', 'use the option path'],
    ['--hf-repo', 'use the option path'],
    ['-a', 'use the key in models'],
    ['--alias', 'use the key in models'],
    ['--api-key', 'use env.LLAMA_API_KEY'],
    ['--models-dir', 'each model is one of its own here'],
    ['--models-preset', 'each model is one of its own here']
  ]),
  routes: ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages', '/v1/messages/count_tokens', '/v1/embeddings', '/v1/rerank', '/rerank', '/tokenize', '/detokenize', '/v1/audio/transcriptions'],

  /** A host that ends with `.sock` is the path of a unix socket. */
  argv: ({ command, path, servedNames, address, args }) => [
    ...command, ...source(path),
    '--alias', servedNames[0]!,
    ...('port' in address ? ['--host', '127.0.0.1', '--port', String(address.port)] : ['--host', address.socket]),
    ...args
  ],

  /** The loop that computes answers `/slots`; with `--no-slots` it answers 501, at once. */
  async responds (calls) {
    const status = await calls.status('/slots')
    return status < 500 || status === 501
  },
  readSign: text => readBySigns(text, stageSigns),
  startCause: lines => recognise(lines, causeSigns)
})
