import { visibleDevices } from './gpu.js'
import { mockFlags } from './mock-flags.js'

/**
 * @typedef {object} VllmFlags
 * @property {string} model
 * @property {string[]} servedNames the first is in every answer
 * @property {Record<string, string>} adapters LoRA name → path
 * @property {boolean} lora whether adapters can be loaded while it runs
 * @property {string} host
 * @property {number} port
 * @property {string} uds
 * @property {boolean} sleepMode
 * @property {boolean} devMode
 * @property {string} apiKey
 * @property {number} utilization
 * @property {boolean} utilizationGiven
 * @property {number} tensorParallel
 * @property {number} maxSequences
 * @property {number} maxLength tokens of prompt and answer together
 * @property {boolean} scaleOut whether the render routes are there
 * @property {number} keepAliveMs
 * @property {boolean} colors
 * @property {boolean} resumesEarly lets requests go on before the last tag is back: 0.17 does, 0.26 does not
 * @property {boolean} isOld speaks as 0.17 did; where between there and 0.28 each change came is not known
 * @property {number[]} devices the simulated GPUs that it sees, in the order of CUDA_VISIBLE_DEVICES
 * @property {Record<string, string>} given every flag on the command line, for the log
 */
/** @typedef {VllmFlags & import('./mock-flags.js').MockFlags} Config */

const short = new Map([['tp', 'tensor-parallel-size'], ['pp', 'pipeline-parallel-size'], ['dp', 'data-parallel-size'], ['q', 'quantization']])

/**
 * Every flag takes the words up to the next flag: vLLM has some 200, with and without values, and the list moves.
 * @param {string[]} words
 */
function splitFlags (words) {
  /** @type {string[]} */
  const positional = []
  /** @type {Map<string, string[]>} */
  const flags = new Map()
  let current = positional
  for (const word of words) {
    const match = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(word)
    if (match?.[1] === undefined) {
      current.push(word)
      continue
    }
    const name = match[1].replaceAll('_', '-')
    current = []
    flags.set(short.get(name) ?? name, current)
    if (match[2] !== undefined) {
      current.push(match[2])
      current = positional
    }
  }
  return { positional, flags }
}

/** @param {string} entry `name=path`, or JSON with `name` and `path` */
function adapter (entry) {
  if (entry.startsWith('{')) {
    const { name, path } = JSON.parse(entry)
    return [name, path]
  }
  const cut = entry.indexOf('=')
  return [entry.slice(0, cut), entry.slice(cut + 1)]
}

/** @param {NodeJS.ProcessEnv} env @param {Map<string, string[]>} flags */
function fromEnvironment (env, flags) {
  return {
    devMode: env['VLLM_SERVER_DEV_MODE'] === '1',
    apiKey: flags.get('api-key')?.[0] ?? env['VLLM_API_KEY'] ?? '',
    keepAliveMs: Number(env['VLLM_HTTP_TIMEOUT_KEEP_ALIVE'] ?? 5) * 1000
  }
}

/**
 * @param {string[]} words after `serve`
 * @param {NodeJS.ProcessEnv} env
 * @returns {Config}
 */
export function parseArgs (words, env) {
  const { positional, flags } = splitFlags(words)
  const given = Object.fromEntries([...flags].map(([name, values]) => [name.replaceAll('-', '_'), values.join(' ') || 'True']))
  const mock = mockFlags(flags, env)
  const model = positional[0] ?? flags.get('model')?.[0] ?? 'Qwen/Qwen3-0.6B'
  const servedNames = flags.get('served-model-name') ?? []
  if (servedNames.length === 0) servedNames.push(model)
  /** @param {string} name @param {number} fallback */
  const number = (name, fallback) => Number(flags.get(name)?.[0] ?? fallback)
  return {
    ...mock,
    model,
    servedNames,
    isOld: Number(mock.version.split('.')[1]) < 28,
    resumesEarly: Number(mock.version.split('.')[1]) < 26,
    name: mock.name || (servedNames[0] ?? model),
    lora: flags.has('enable-lora') && /^(1|true)$/i.test(env['VLLM_ALLOW_RUNTIME_LORA_UPDATING'] ?? ''),
    adapters: Object.fromEntries((flags.get('lora-modules') ?? []).map(adapter)),
    host: flags.get('host')?.[0] ?? '0.0.0.0',
    port: number('port', 8000),
    uds: flags.get('uds')?.[0] ?? '',
    sleepMode: flags.has('enable-sleep-mode'),
    utilization: number('gpu-memory-utilization', 0.92),
    utilizationGiven: flags.has('gpu-memory-utilization'),
    tensorParallel: number('tensor-parallel-size', 1),
    maxSequences: number('max-num-seqs', 256),
    maxLength: number('max-model-len', 1_000_000),
    scaleOut: flags.has('enable-scale-out'),
    colors: mock.color || (process.stdout.isTTY && env['NO_COLOR'] === undefined),
    devices: mock.gpu ? visibleDevices(mock.gpu, env['CUDA_VISIBLE_DEVICES']) : [],
    given,
    ...fromEnvironment(env, flags)
  }
}
