import type { Clock } from '../clock.ts'
import { MemoryTimeoutError } from '../errors.ts'
import type { GpuMemories } from '../orchestrator/memory/gpu-memory.ts'
import type { ReadMemory } from '../orchestrator/memory/memory-command.ts'
import { waitForMemory } from '../orchestrator/memory/memory-wait.ts'
import { withTimeLimit } from '../orchestrator/time-limit.ts'

export interface GpuUseContext {
  clock: Clock
  read: ReadMemory
  gpus: readonly number[]
  /** How long memory may take to come back. Milliseconds. */
  limit: number
  signal: AbortSignal
}

/** Milliseconds without change after which no more memory is expected. */
const quiet = 1_000

/** How much of some GPUs is in use, all together. */
export class GpuUse {
  readonly #context: GpuUseContext
  /** Why it is not known; undefined while it is. */
  unknown: string | undefined

  constructor (context: GpuUseContext) {
    this.#context = context
  }

  /** Bytes; undefined if there is no way to know. */
  async look (): Promise<number | undefined> {
    return await this.fallTo(Infinity)
  }

  /** Waits until no more than that is in use, or no more comes back. Resolves with what is in use then. */
  async fallTo (target: number): Promise<number | undefined> {
    if (this.unknown !== undefined) return undefined
    try {
      return this.#sum(await this.#settle(target))
    } catch (error) {
      this.#context.signal.throwIfAborted()
      this.unknown = (error as Error).message
      return undefined
    }
  }

  async #settle (target: number): Promise<GpuMemories | undefined> {
    const { clock, read, gpus, limit, signal } = this.#context
    const each = target / gpus.length
    const timeout = () => new MemoryTimeoutError(limit)
    try {
      return await withTimeLimit({ clock, limit, timeout, signals: [signal] }, signal =>
        waitForMemory({ clock, read, gpus, need: total => total - each, quiet }, signal))
    } catch (error) {
      if (!(error instanceof MemoryTimeoutError)) throw error
      // Time enough has been given: what is in use now counts.
      return await withTimeLimit({ clock, limit, timeout, signals: [signal] }, read)
    }
  }

  #sum (memories: GpuMemories | undefined): number | undefined {
    const { gpus } = this.#context
    const known = gpus.flatMap(gpu => memories?.[gpu]?.used ?? [])
    if (known.length === gpus.length) return known.reduce((sum, used) => sum + used, 0)
    this.unknown = memories === undefined ? 'there is no nvidia-smi, and no gpuMemoryCommand' : `the memory command tells nothing of GPU ${gpus.join(', ')}`
    return undefined
  }
}
