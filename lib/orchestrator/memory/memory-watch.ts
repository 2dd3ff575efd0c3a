import type { Clock } from '../../clock.ts'
import { MemoryTimeoutError } from '../../errors.ts'
import type { ResolvedModel } from '../../options/types.ts'
import { withTimeLimit } from '../time-limit.ts'
import type { GpuMemories } from './gpu-memory.ts'
import type { GpuProcess, ReadProcesses } from './gpu-processes.ts'
import type { ReadMemory } from './memory-command.ts'
import { needToStart, needToWake } from './memory-need.ts'
import { waitForMemory } from './memory-wait.ts'

export interface MemoryWatchContext {
  clock: Clock
  read: ReadMemory
  /** Who holds it. */
  readProcesses?: ReadProcesses | undefined
}

/** The memory of all GPUs, and when it was looked at, in milliseconds since the epoch. */
export interface MemorySeen {
  time: number
  memories: GpuMemories
}

export interface Settlement {
  /** A start needs all that the engine takes, a wake what it does not hold while it sleeps. */
  purpose: 'start' | 'wake'
  /** What makes waiting pointless. */
  signals: AbortSignal[]
  warn: (error: Error) => void
}

/** Milliseconds without growth after which no more is expected: where a process has ended its memory is still to come. */
const quiet = 1_000
const quietAfterRelease = 3_000

/** How long somebody who only looks on waits for the commands. Milliseconds. */
const longestLook = 5_000

/** Sees to it that memory is back before anybody wants it: it comes a while after the last process of a group is gone. */
export class MemoryWatch {
  readonly #clock: Clock
  readonly #read: ReadMemory
  readonly #readProcesses: ReadProcesses | undefined
  #seen: MemorySeen | undefined
  /** GPUs on which something has ended since they were last looked at. */
  readonly #released = new Set<number>()
  /** Bytes that an engine took of one GPU. */
  readonly #measured = new Map<string, number>()
  /** What was there before an engine started. */
  readonly #before = new Map<string, GpuMemories>()
  readonly #closed = new AbortController()

  constructor ({ clock, read, readProcesses }: MemoryWatchContext) {
    this.#clock = clock
    this.#readProcesses = readProcesses
    this.#read = async signal => {
      const memories = await read(signal)
      if (memories !== undefined) this.#seen = { time: clock.now(), memories }
      return memories
    }
  }

  /** What the last look has shown; undefined if nobody has looked yet, or can. */
  get seen (): MemorySeen | undefined {
    return this.#seen
  }

  /**
   * Looks at it for somebody who wants to see it. Resolves with who holds it, undefined if there is no way to know.
   *
   * @throws {MemoryCommandError | MemoryTimeoutError}
   */
  async look (): Promise<GpuProcess[] | undefined> {
    const timeout = () => new MemoryTimeoutError(longestLook)
    return await withTimeLimit({ clock: this.#clock, limit: longestLook, timeout, signals: [this.#closed.signal] }, async signal => {
      await this.#read(signal)
      return await this.#readProcesses?.(signal)
    })
  }

  /** A process group that lived on these GPUs has ended, or failed to do what frees memory. */
  release (gpus: readonly number[]): void {
    gpus.forEach(gpu => this.#released.add(gpu))
  }

  /** Whether memory may still be on its way back on a model's GPUs. */
  expects ({ gpus }: ResolvedModel): boolean {
    return gpus.some(gpu => this.#released.has(gpu))
  }

  /**
   * Waits, for at most `timeouts.memory`, until there is the memory that an engine needs, or no more is to come. Resolves
   * with the milliseconds it took, undefined if there is no way to look. A limit that is over and a look that fails are
   * warnings: the start itself says whether there is enough.
   */
  async settle (model: ResolvedModel, { purpose, signals, warn }: Settlement): Promise<number | undefined> {
    const { id, gpus, timeouts: { memory: limit } } = model
    const since = this.#clock.now()
    const expected = this.expects(model)
    const need = (total: number) => (purpose === 'start' ? needToStart : needToWake)(model, this.#measured.get(id), total)
    gpus.forEach(gpu => this.#released.delete(gpu))
    try {
      const timeout = () => new MemoryTimeoutError(limit)
      const memories = await withTimeLimit({ clock: this.#clock, limit, timeout, signals: [...signals, this.#closed.signal] }, signal =>
        waitForMemory({ clock: this.#clock, read: this.#read, gpus, need, quiet: expected ? quietAfterRelease : quiet }, signal))
      if (memories === undefined) return undefined
      this.#before.set(id, memories)
    } catch (error) {
      if (signals.some(signal => signal.aborted)) {
        if (expected) this.release(gpus)
        throw error
      }
      warn(error as Error)
    }
    return this.#clock.now() - since
  }

  /** Measures what an engine that has just started takes. `stays`: whether it is still as it was, for a measurement takes time. */
  async measure ({ id, gpus }: ResolvedModel, stays: () => boolean): Promise<void> {
    const before = this.#before.get(id)
    this.#before.delete(id)
    if (before === undefined) return
    const after = await this.#read(this.#closed.signal)
    if (!stays()) return
    const taken = gpus.map(gpu => (after?.[gpu]?.used ?? NaN) - (before[gpu]?.used ?? NaN)).filter(bytes => bytes > 0)
    if (taken.length > 0) this.#measured.set(id, Math.max(...taken))
  }

  /** Ends every look that is under way. */
  close (): void {
    this.#closed.abort(new Error('closed'))
  }
}
