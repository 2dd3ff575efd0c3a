import type { Clock } from '../../clock.ts'
import { pause } from '../time-limit.ts'
import type { GpuMemories, GpuMemory } from './gpu-memory.ts'
import type { ReadMemory } from './memory-command.ts'

export interface MemoryWait {
  clock: Clock
  read: ReadMemory
  /** The GPUs that matter, by index. */
  gpus: readonly number[]
  /** Bytes that are needed of a GPU that has so many in all. */
  need: (total: number) => number
  /** For how long free memory must not have grown until no more is expected. Milliseconds. */
  quiet: number
}

/** Memory is back within milliseconds, or after a while: the first looks come quickly. Milliseconds. */
const firstPause = 20
const longestPause = 500
const pauseGrowth = 1.6

/** A few looks, however long each takes. */
const leastQuietLooks = 3

/** Below this a change is another process's coming and going. Bytes. */
const leastGrowth = 1024 ** 2

/**
 * Looks until the GPUs have as much free memory as is needed, or until it has stopped growing: then no more is to come,
 * and whether it is enough is for the start to say. Resolves with what was seen last; undefined if there is no way to look.
 */
export async function waitForMemory ({ clock, read, gpus, need, quiet }: MemoryWait, signal: AbortSignal): Promise<GpuMemories | undefined> {
  let most = -Infinity
  let grownAt = clock.now()
  let looks = 0
  for (let delay = firstPause; ; delay = Math.min(delay * pauseGrowth, longestPause)) {
    const memories = await read(signal)
    const known = gpus.flatMap(gpu => memories?.[gpu] ?? [])
    if (known.every(memory => free(memory) >= need(memory.total))) return memories
    const sum = known.reduce((sum, memory) => sum + free(memory), 0)
    if (sum >= most + leastGrowth) {
      most = sum
      grownAt = clock.now()
      looks = 0
    } else if (++looks >= leastQuietLooks && clock.now() - grownAt >= quiet) return memories
    await pause(clock, delay, signal)
    signal.throwIfAborted()
  }
}

function free ({ used, total }: GpuMemory): number {
  return total - used
}
