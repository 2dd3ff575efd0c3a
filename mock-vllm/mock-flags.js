/**
 * The flags vLLM does not have. Each is also an environment variable: `--mock-token-ms` is `MOCK_VLLM_TOKEN_MS`.
 * The flag wins over the variable.
 */
export const mockDefaults = {
  /** directory that stands for the GPU; without it no memory is accounted for */
  gpu: '',
  /** MiB; 0 takes what the directory says, or 24576 */
  gpuTotal: 0,
  /** MiB held while awake; 0 is `--gpu-memory-utilization` of the whole, as with vLLM */
  memory: 0,
  /** MiB held while asleep */
  residue: 512,
  /** part of the memory that is weights, the rest being KV cache: what a partial wake takes */
  weightsShare: 0.6,
  /** ms from the end of the process until its memory is free */
  memoryLag: 50,
  /** the engine's own name in answers and records; default: the first served name */
  name: '',
  /** JSON lines; default: `records.jsonl` in the GPU directory */
  record: '',
  startMs: 20,
  sleepMs: 5,
  /** ms that the first sleep takes longer, as host memory is pinned then */
  pinMs: 0,
  /** MiB of host memory that the first sleep at level 1 takes, and that stay taken: vLLM pins the weights there */
  hostMemory: 0,
  wakeMs: 5,
  reloadMs: 5,
  resetMs: 0,
  stopMs: 5,
  /** ms before the first token */
  promptMs: 0,
  /** ms per token of each stream; 0 is as fast as it goes */
  tokenMs: 1,
  defaultTokens: 24,
  /** events in one write when tokenMs is 0 */
  batch: 16,
  embeddingSize: 8,
  /** ms from the death of EngineCore until connections are refused, and until the process is gone */
  deadRefuseMs: 250,
  deadExitMs: 400,
  deadExitCode: 0,
  /** ms until a taken port or a missing model ends the start */
  failMs: 20,
  /** `POINT=KIND[@ARG][*TIMES]`, several separated by commas; see faults.js */
  fault: '',
  version: '0.32.0',
  /** which routes there are: any, generate (as a chat model has them) or pooling */
  task: 'any',
  /** number of workers; -1 is one for each of `--tensor-parallel-size` above 1 */
  workers: -1,
  color: false,
  accessLog: false,
  quiet: false
}

/** @typedef {typeof mockDefaults} MockFlags */

/**
 * Takes the type of a value from its default, so that the table above is all there is to say about a flag.
 * @param {number | string | boolean} fallback
 * @param {string} text
 */
function convert (fallback, text) {
  if (typeof fallback === 'number') {
    const value = Number(text)
    if (text === '' || Number.isNaN(value)) throw new Error(`not a number: ${text}`)
    return value
  }
  return typeof fallback === 'boolean' ? !['', '0', 'false'].includes(text) : text
}

/**
 * @param {Map<string, string[]>} flags as given on the command line, without the leading dashes
 * @param {NodeJS.ProcessEnv} env
 * @returns {MockFlags}
 */
export function mockFlags (flags, env) {
  /** @type {Record<string, number | string | boolean>} */
  const result = { ...mockDefaults }
  for (const [key, fallback] of Object.entries(mockDefaults)) {
    const kebab = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const variable = env[`MOCK_VLLM_${kebab.replaceAll('-', '_').toUpperCase()}`]
    const given = flags.get(`mock-${kebab}`)
    if (given !== undefined) result[key] = convert(fallback, given.length === 0 ? 'true' : given.join(','))
    else if (variable !== undefined) result[key] = convert(fallback, variable)
    flags.delete(`mock-${kebab}`)
  }
  const unknown = [...flags.keys()].find((name) => name.startsWith('mock-'))
  if (unknown !== undefined) throw new Error(`unknown flag --${unknown}`)
  return /** @type {MockFlags} */ (/** @type {unknown} */ (result))
}
