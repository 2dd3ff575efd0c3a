import type { Clock } from '../../clock.ts'
import { MemoryCommandError } from '../../errors.ts'
import { withTimeLimit } from '../time-limit.ts'
import type { GpuMemories } from './gpu-memory.ts'
import type { ReadMemory } from './memory-command.ts'

/** The memory of all GPUs, and when it was looked at, in milliseconds since the epoch. */
export interface MemorySeen {
  time: number
  memories: GpuMemories
}

/** A command that takes longer hangs. One that fails or hangs is tried again after the pause. Milliseconds. */
export const commandLimit = 2_000
export const pauseAfterFailure = 60_000

/** Reads GPU memory. A command that fails or hangs is reported once, and delays nothing until it works again. */
export class MemoryReader {
  readonly #clock: Clock
  readonly #command: ReadMemory
  #seen: MemorySeen | undefined
  #failure: { error: Error, until: number, told: boolean } | undefined

  constructor ({ clock, read }: { clock: Clock, read: ReadMemory }) {
    this.#clock = clock
    this.#command = read
  }

  /** What the last look has shown; undefined if nobody has looked yet, or can. */
  get seen (): MemorySeen | undefined {
    return this.#seen
  }

  /** For callers that wait. Undefined after a failed reading, until a background one succeeds. */
  async read (signal: AbortSignal): Promise<GpuMemories | undefined> {
    return this.#failure === undefined ? await this.retry(signal) : undefined
  }

  /** For callers that do not wait. */
  async retry (signal: AbortSignal): Promise<GpuMemories | undefined> {
    if (this.#failure !== undefined && this.#clock.now() < this.#failure.until) return undefined
    try {
      const timeout = () => new MemoryCommandError(`there was no answer within ${commandLimit} ms`)
      const memories = await withTimeLimit({ clock: this.#clock, limit: commandLimit, timeout, signals: [signal] }, this.#command)
      this.#failure = undefined
      if (memories !== undefined) this.#seen = { time: this.#clock.now(), memories }
      return memories
    } catch (error) {
      if (signal.aborted) throw error
      this.#failure = { error: error as Error, until: this.#clock.now() + pauseAfterFailure, told: this.#failure?.told ?? false }
      return undefined
    }
  }

  /** Once: it may stay as it is for days. */
  tellFailure (warn: (error: Error) => void): void {
    if (this.#failure === undefined || this.#failure.told) return
    this.#failure.told = true
    warn(this.#failure.error)
  }
}
