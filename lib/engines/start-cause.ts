import type { StartCause } from '../start-causes.ts'
import type { RecognisedCause } from './adapter.ts'

export type CauseSigns = ReadonlyArray<readonly [StartCause, RegExp]>

/**
 * Messages of vLLM, PyTorch, Hugging Face and Python about failed starts. Specific ones come first: a validation error of
 * vLLM may be about a missing model. If none matches, the last lines are reported.
 */
export const pythonSigns: CauseSigns = [
  ['model_gated', /GatedRepoError|gated repo|Access to model .* is restricted/i],
  ['architecture', /Model architectures? .* (?:are|is) not supported|does not recognize this architecture|has no vLLM implementation|Model architecture .* failed to be inspected/i],
  ['port_taken', /address already in use|EADDRINUSE/i],
  ['no_cuda', /Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|no CUDA-capable device|CUDA driver version is insufficient|NVIDIA driver on your system is too old|not compiled with CUDA|libcuda\.so\S*: cannot open|no kernel image is available|invalid device ordinal|No HIP GPUs are available/i],
  ['gpu_memory', /(?:CUDA|HIP)(?: error:)? out of memory|OutOfMemoryError|Free memory on device .* is less than desired|No available memory for the cache blocks|larger than the (?:available KV cache memory|maximum number of tokens that can be stored in KV cache)/i],
  ['host_memory', /can't allocate memory|Cannot allocate memory|\bMemoryError\b|std::bad_alloc/i],
  ['model_missing', /is not a valid model identifier|RepositoryNotFoundError|Repository Not Found|Invalid repository ID or local directory|HFValidationError|LocalEntryNotFoundError|RevisionNotFoundError|does not appear to have a file named config\.json|No supported config format found|Cannot find any model weights/i],
  ['bad_argument', /(?:^|\s)error: (?:argument |unrecognized arguments|ambiguous option|the following arguments)|validation errors? for \w+(?:Config|Args)/]
]

/** The prefix of a line: process, level, time and place. */
const prefix = /^(?:\([\w ]+ pid=\d+\)\s*)?(?:[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d (?:\[[^\]]*\] ?)?)?/

/** Warnings are about things that an engine can cope with. */
const harmless = /^(?:\([\w ]+ pid=\d+\)\s*)?(?:INFO|DEBUG|WARNING)\b|Warning:/

/** A traceback line may contain a whole configuration. Characters. */
const longestLine = 400

/** Why an engine failed to start, from its whole output; undefined if nothing is recognised. */
export function recognise (lines: string[], signs: CauseSigns = pythonSigns): RecognisedCause | undefined {
  const grave = lines.filter(line => !harmless.test(line))
  for (const [cause, pattern] of signs) {
    const line = grave.find(line => pattern.test(line))
    if (line !== undefined) return { cause, line: shortened(line.replace(prefix, '').trim()) }
  }
  return undefined
}

function shortened (line: string): string {
  return line.length > longestLine ? `${line.slice(0, longestLine)}…` : line
}
