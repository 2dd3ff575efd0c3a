import type { StartStage } from '../../events.ts'

export interface StageSign {
  stage: StartStage
  /** So many of `total`, where the stage counts. */
  done?: number
  total?: number
}

/** The stages of a start, in the order in which they come. */
export const stages: readonly StartStage[] = ['launching', 'initializing', 'loading', 'compiling', 'profiling', 'capturing', 'listening']

/**
 * vLLM's words for where it is, as of 0.17 to 0.32. They drift from version to version, and a few are known by half a
 * sentence only: what is not recognised costs the progress and nothing else. `(\d+)/(\d+)` are counted.
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

/** What a line of an engine's output tells of its start; undefined if nothing. */
export function readSign (text: string): StageSign | undefined {
  for (const [stage, pattern] of signs) {
    const match = pattern.exec(text)
    if (match === null) continue
    const [done, total] = match.slice(1).map(Number)
    return done! >= 0 && total! > 0 ? { stage, done: done!, total: total! } : { stage }
  }
  return undefined
}
