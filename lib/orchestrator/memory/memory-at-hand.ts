import type { ResolvedModel } from '../../options/types.ts'
import type { GpuMemories } from './gpu-memory.ts'
import { usualResidue } from './memory-need.ts'
import { waitForMemory, type MemoryWait } from './memory-wait.ts'

/** Models on the same GPUs that sleep with nobody's requests in them. */
export interface Sleepers {
  models: () => ResolvedModel[]
  /** Models that may sleep there while this one is awake. */
  possible: () => ResolvedModel[]
  /** Ends the one that has slept longest. */
  end: () => Promise<void>
}

export interface MemoryDemand extends MemoryWait {
  /** Whether less than `need` is certain not to do. */
  certain: boolean
  /** Sleepers that may be stopped for it. */
  sleepers: Sleepers | undefined
  /** Bytes of one GPU that a sleeper keeps, if it has said so. */
  kept: (id: string) => number | undefined
}

/** How long the memory of a sleeper that was ended may take to come back. Milliseconds. */
const quietAfterEnd = 3_000

/**
 * Waits until there is enough memory, or until no more is expected. If less certainly does not suffice, it stops sleepers as
 * long as that can help, and otherwise waits without limit: another process may end.
 */
export async function awaitMemory ({ certain, sleepers, kept, ...wait }: MemoryDemand, signal: AbortSignal): Promise<GpuMemories | undefined> {
  const memories = await waitForMemory(wait, signal)
  const missing = memories === undefined || !certain ? 0 : shortage(memories, wait)
  if (missing <= 0) return memories
  const keptByAll = sleepers?.models().reduce((sum, { id }) => sum + (kept(id) ?? usualResidue), 0) ?? 0
  if (keptByAll < missing) return await waitForMemory({ ...wait, quiet: Infinity }, signal)
  await sleepers!.end()
  signal.throwIfAborted()
  return await awaitMemory({ ...wait, certain, sleepers, kept, quiet: quietAfterEnd }, signal)
}

/** Bytes that the GPU with the least has too little. */
function shortage (memories: GpuMemories, { gpus, need }: MemoryWait): number {
  return Math.max(...gpus.map(gpu => {
    const memory = memories[gpu]
    return memory === undefined ? 0 : need(memory.total) - (memory.total - memory.used)
  }))
}
