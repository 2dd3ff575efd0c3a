import type { StartStage } from '../events.ts'
import type { SleepReport, StageSign } from './adapter.ts'

/**
 * vLLM's messages about its progress, as of 0.17 to 0.32. They change between versions: an unknown message costs only the
 * progress. `(\d+)/(\d+)` are counted.
 */
const signs: ReadonlyArray<readonly [StartStage, RegExp]> = [
  ['loading', /Loading .*shards:.*?(\d+)\/(\d+)/],
  ['capturing', /Capturing CUDA graph.*?(\d+)\/(\d+) \[/],
  ['initializing', /Initializing an? (V\d )?LLM engine/],
  ['loading', /Starting to load model/],
  ['compiling', /Model loading took|Using cache directory: .* torch\.compile|Dynamo bytecode transform|Compiling a graph/],
  ['profiling', /torch\.compile took|GPU KV cache size/],
  ['capturing', /Capturing CUDA graph/],
  ['listening', /Starting vLLM (API )?server|Started server process/]
]

/** What a line says about a start, by these patterns; undefined if nothing. */
export function readBySigns (text: string, signs: ReadonlyArray<readonly [StartStage, RegExp]>): StageSign | undefined {
  for (const [stage, pattern] of signs) {
    const match = pattern.exec(text)
    if (match === null) continue
    const [done, total] = match.slice(1).map(Number)
    return done! >= 0 && total! > 0 ? { stage, done: done!, total: total! } : { stage }
  }
  return undefined
}

export const readSign = (text: string): StageSign | undefined => readBySigns(text, signs)

/** vLLM's banner, and its log lines without text. Progress bars use other blocks. */
export const banner = /[▀▄]|^[^[]*\[[\w./]+:\d+\]$/

const gibibyte = 1024 ** 3

/**
 * `Sleep mode freed 66.46 GiB memory, 0.8 GiB memory is still in use.`, which each worker says of its GPU, `It took 0.29 seconds
 * to fall asleep.` and `It took 0.24 seconds to wake up tags ['weights', 'kv_cache'].` Seen on vLLM 0.26.
 */
export function parseSleepReport (line: string): SleepReport | undefined {
  const [, freed, kept] = /Sleep mode freed ([\d.]+) GiB memory, ([\d.]+) GiB memory is still in use/.exec(line) ?? []
  if (freed !== undefined) return { freed: Number(freed) * gibibyte, kept: Number(kept) * gibibyte }
  const [, seconds, what] = /It took ([\d.]+) seconds to (fall asleep|wake up)/.exec(line) ?? []
  if (seconds === undefined) return undefined
  return what === 'fall asleep' ? { sleepTime: Number(seconds) * 1_000 } : { wakeTime: Number(seconds) * 1_000 }
}

/** `Model loading took 12.85 GiB memory and 5.3 seconds`, which each worker says of its part. Seen on vLLM 0.17 to 0.32. */
export function parseWeights (line: string): number | undefined {
  const [, size] = /Model loading took ([\d.]+) Gi?B/.exec(line) ?? []
  return size === undefined ? undefined : Number(size) * gibibyte
}
