import type { Clock } from '../../clock.ts'
import { GpuMemoryError, MemoryTimeoutError } from '../../errors.ts'
import { memoryShare } from '../../engines/arguments.ts'
import type { SleepReport } from '../../engines/index.ts'
import { mayLiveOn } from '../../options/gpus.ts'
import type { ResolvedModel } from '../../options/types.ts'
import { withTimeLimit } from '../time-limit.ts'
import type { GpuMemories } from './gpu-memory.ts'
import type { GpuProcess, ReadProcesses } from './gpu-processes.ts'
import type { ReadMemory } from './memory-command.ts'
import { Foresight, rounding } from './foresight.ts'
import { describeStrangers, type OwnGroups } from './holders.ts'
import { needToStart, needToWake, shareToTell, usualResidue } from './memory-need.ts'
import { awaitMemory, type Sleepers } from './memory-at-hand.ts'
import { MemoryReader, type MemorySeen } from './memory-reader.ts'

export interface MemoryWatchContext {
  clock: Clock
  read: ReadMemory
  /** Which processes hold GPU memory. */
  readProcesses?: ReadProcesses | undefined
  /** These are the gateway's own. */
  ownGroups?: OwnGroups
}

export interface Settlement {
  /** A start needs all that the engine takes, a wake what it does not hold while it sleeps. */
  purpose: 'start' | 'wake'
  /** What makes waiting pointless. */
  signals: AbortSignal[]
  warn: (error: Error) => void
  /** Sleeping engines that may be stopped to free what they keep. Only for a start: for a wake, that would be too little to matter. */
  sleepers: Sleepers
}

/** Milliseconds without growth after which no more is expected: where a process has ended its memory is still to come. */
const quiet = 1_000
const quietAfterRelease = 3_000

/** How long somebody who only looks on waits for the commands. Milliseconds. */
const longestLook = 5_000

/** Sees to it that memory is back before anybody wants it: it comes a while after the last process of a group is gone. */
export class MemoryWatch {
  readonly #clock: Clock
  readonly #reader: MemoryReader
  readonly #readProcesses: ReadProcesses | undefined
  /** GPUs on which something has ended since they were last looked at. */
  readonly #released = new Set<number>()
  /** Bytes that an engine took of one GPU. */
  readonly #measured = new Map<string, number>()
  /** What was there before an engine started. */
  readonly #before = new Map<string, GpuMemories>()
  /** Bytes that an engine's sleep gives back of one GPU, in its own words. */
  readonly #freed = new Map<string, number>()
  /** Bytes of one GPU that it holds asleep. */
  readonly #kept = new Map<string, number>()
  readonly #closed = new AbortController()
  readonly #ownGroups: OwnGroups
  readonly #foresight: Foresight

  constructor ({ clock, read, readProcesses, ownGroups = () => [] }: MemoryWatchContext) {
    this.#ownGroups = ownGroups
    this.#clock = clock
    this.#readProcesses = readProcesses
    this.#reader = new MemoryReader({ clock, read })
    this.#foresight = new Foresight({ clock, reader: this.#reader, readProcesses, ownGroups, freed: id => this.#freed.get(id), closed: this.#closed.signal })
  }

  /** What the last look has shown; undefined if nobody has looked yet, or can. */
  get seen (): MemorySeen | undefined {
    return this.#reader.seen
  }

  /**
   * Looks at it for somebody who wants to see it. Resolves with who holds it, undefined if there is no way to know.
   *
   * @throws {MemoryCommandError | MemoryTimeoutError}
   */
  async look (): Promise<GpuProcess[] | undefined> {
    const timeout = () => new MemoryTimeoutError(longestLook)
    return await withTimeLimit({ clock: this.#clock, limit: longestLook, timeout, signals: [this.#closed.signal] }, async signal => {
      await this.#reader.retry(signal)
      return await this.#readProcesses?.(signal)
    })
  }

  /** A process group that lived on these GPUs has ended, or failed to do what frees memory. */
  release (gpus: readonly number[]): void {
    this.#foresight.disturb()
    gpus.forEach(gpu => this.#released.add(gpu))
  }

  /** An engine is about to take memory. */
  taking (): void {
    this.#foresight.disturb()
  }

  /** One is about to free memory. */
  sleeping (): void {
    this.#foresight.sleeping()
  }

  slept (model: ResolvedModel): void {
    this.#foresight.slept(model)
  }

  /** What the engine reports about its sleep. */
  learn ({ id }: ResolvedModel, { freed, kept }: SleepReport): void {
    if (freed !== undefined) this.#freed.set(id, freed)
    if (kept !== undefined) this.#kept.set(id, kept)
  }

  /** Before a switch to a model. Resolves after a moment in any case. */
  async prepare (model: ResolvedModel): Promise<void> {
    await this.#foresight.prepare(model)
  }

  /** Whether its sleep has told what it gives back, and so what a wake needs. */
  knowsNeed ({ id }: ResolvedModel): boolean {
    return this.#freed.has(id)
  }

  /** Whether a wake is known to find what it needs, without another look. */
  async foresees (model: ResolvedModel): Promise<boolean> {
    return await this.#foresight.foresees(model)
  }

  /** Whether memory may still be on its way back on a model's GPUs. */
  expects ({ gpus }: ResolvedModel): boolean {
    return gpus.some(gpu => this.#released.has(gpu))
  }

  /**
   * Waits, for at most `timeouts.memory`, until an engine's memory is free, or no more is expected. Resolves with the
   * milliseconds it took, undefined if memory cannot be read. If the need is certain, an engine that does not get it is
   * refused: a wake with too little memory breaks vLLM for good, and a start would fail. Otherwise a limit that has passed
   * is a warning, and the start shows whether there is enough.
   *
   * @throws {GpuMemoryError}
   */
  async settle (model: ResolvedModel, { purpose, signals, warn, sleepers }: Settlement): Promise<number | undefined> {
    const { id, gpus, timeouts: { memory: limit } } = model
    const since = this.#clock.now()
    const expected = this.expects(model)
    const freed = this.#freed.get(id)
    const certain = purpose === 'wake' ? freed !== undefined : memoryShare(model.engine, model.args) !== undefined || this.shareFor(model, sleepers) !== undefined
    const kept = this.#keptBeside(model, sleepers)
    const need = (total: number) => purpose === 'start' ? needToStart(model, this.#measured.get(id), { total, kept }) : needToWake(model, this.#measured.get(id), { total, kept }, freed) - rounding
    gpus.forEach(gpu => this.#released.delete(gpu))
    try {
      const timeout = () => new MemoryTimeoutError(limit)
      const memories = await withTimeLimit({ clock: this.#clock, limit, timeout, signals: [...signals, this.#closed.signal] }, signal =>
        awaitMemory({
          clock: this.#clock,
          read: signal => this.#reader.read(signal),
          gpus,
          need,
          quiet: expected ? quietAfterRelease : quiet,
          certain,
          sleepers: purpose === 'start' ? sleepers : undefined,
          kept: id => this.#kept.get(id)
        }, signal))
      this.#reader.tellFailure(warn)
      if (memories === undefined) return undefined
      if (certain) await this.#check(model, memories, need)
      if (purpose === 'start') this.#before.set(id, memories)
    } catch (error) {
      if (signals.some(signal => signal.aborted)) {
        if (expected) this.release(gpus)
        throw error
      }
      if (error instanceof GpuMemoryError) throw error
      if (certain && error instanceof MemoryTimeoutError && this.seen !== undefined) await this.#check(model, this.seen.memories, need)
      warn(error as Error)
    }
    return this.#clock.now() - since
  }

  /** What an engine that starts now is to be told to take of each of its GPUs; undefined if it knows, or where nobody can look. */
  shareFor (model: ResolvedModel, sleepers: Pick<Sleepers, 'possible'>): number | undefined {
    const kept = this.#keptBeside(model, sleepers)
    const shares = model.gpus.flatMap(gpu => this.seen?.memories[gpu] ?? []).flatMap(({ total }) => shareToTell(model, { total, kept }) ?? [])
    return shares.length === 0 ? undefined : Math.min(...shares)
  }

  /** Bytes that other models keep of one of its GPUs when they sleep: of the one where it is most. */
  #keptBeside ({ gpus }: ResolvedModel, { possible }: Pick<Sleepers, 'possible'>): number {
    const others = possible()
    return Math.max(...gpus.map(gpu => others.reduce((sum, other) => sum + (mayLiveOn(other).includes(gpu) ? this.#kept.get(other.id) ?? usualResidue : 0), 0)))
  }

  /** An engine serves: looks, in the background, at what it has taken if it has just started. `stays`: whether it is still as it was. */
  async observe ({ id, gpus }: ResolvedModel, stays: () => boolean): Promise<void> {
    const before = this.#before.get(id)
    this.#before.delete(id)
    if (before === undefined && this.#readProcesses === undefined) return
    const after = await this.#foresight.observe({ atOnce: before !== undefined })
    if (before === undefined || !stays()) return
    const taken = gpus.map(gpu => (after?.[gpu]?.used ?? NaN) - (before[gpu]?.used ?? NaN)).filter(bytes => bytes > 0)
    if (taken.length > 0) this.#measured.set(id, Math.max(...taken))
  }

  /** @throws {GpuMemoryError} if one of its GPUs has less than it needs */
  async #check ({ id, gpus }: ResolvedModel, memories: GpuMemories, need: (total: number) => number): Promise<void> {
    for (const gpu of gpus) {
      const memory = memories[gpu]
      if (memory === undefined) continue
      const { total, used } = memory
      if (total - used >= need(total)) continue
      // The names of the processes only improve the message.
      const processes = await this.look().catch(() => undefined)
      const mebibytes = (bytes: number) => Math.round(bytes / 1024 ** 2)
      const error = new GpuMemoryError(id, mebibytes(need(total)), mebibytes(total - used), await describeStrangers(processes, gpus, this.#ownGroups))
      throw Object.assign(error, { startCause: 'gpu_memory' })
    }
  }

  /** Ends every look that is under way. */
  close (): void {
    this.#closed.abort(new Error('closed'))
  }
}
