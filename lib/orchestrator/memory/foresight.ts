import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../clock.ts'
import type { ResolvedModel } from '../../options/types.ts'
import { pause, withTimeLimit } from '../time-limit.ts'
import type { GpuMemories } from './gpu-memory.ts'
import type { GpuProcess, ReadProcesses } from './gpu-processes.ts'
import { tellApart, type OwnGroups } from './holders.ts'
import { commandLimit, pauseAfterFailure } from './memory-reader.ts'
import type { MemoryReader } from './memory-reader.ts'

export interface ForesightContext {
  clock: Clock
  reader: MemoryReader
  readProcesses: ReadProcesses | undefined
  ownGroups: OwnGroups
  /** Bytes that a model's sleep gives back of one GPU, in its engine's own words. */
  freed: (id: string) => number | undefined
  /** Ends every look that is under way. */
  closed: AbortSignal
}

/** Memory as it was at a moment at which no engine took or freed any, and what has changed since. */
interface Basis {
  memories: GpuMemories
  /** When it was last known what other processes hold. */
  time: number
  /** Models that have gone to sleep since. */
  slept: ResolvedModel[]
  /** Bytes that processes other than engines held of each GPU. Undefined where nobody can tell: no engine was among those listed. */
  others: Array<number | undefined>
  /** Bytes by which that has grown. */
  grown: number[]
  /** Whether that is known of the present sleep, or cannot be known. */
  confirmed: boolean
}

/** What was seen holds for so long, as far as no engine has changed. Milliseconds. */
const holds = 2_000

/** From a wake to the look after it. Milliseconds. */
const observeAfter = 300

/** No switch waits longer for a look that is only made in case. Milliseconds. */
const lookLimit = 200

/**
 * Knows whether a wake will find its memory before the sleep that makes room for it is over, so that a switch needs no time
 * to look. After each wake it looks at the GPU, in the background. While the next engine goes to sleep, free memory says
 * little, so it asks which other processes hold memory: whatever they have taken since is missing.
 */
export class Foresight {
  readonly #context: ForesightContext
  #basis: Basis | undefined
  /** Counts what may change memory. */
  #changes = 0
  #listAgainAt = -Infinity
  #confirmation: Promise<void> = Promise.resolve()

  constructor (context: ForesightContext) {
    this.#context = context
  }

  /** An engine is about to take memory, or has ended. */
  disturb (): void {
    this.#changes++
    this.#basis = undefined
  }

  /** An engine is about to free memory. A look that is under way may have seen that or not. */
  sleeping (): void {
    this.#changes++
    const basis = this.#basis
    if (basis === undefined) return
    basis.confirmed = false
    this.#confirmation = this.#inTime(() => this.#confirm(basis))
  }

  slept (model: ResolvedModel): void {
    this.#basis?.slept.push(model)
  }

  /** While nothing changes yet. Resolves at once if it was looked at after the last wake, and after a moment in any case. */
  async prepare ({ gpus }: ResolvedModel): Promise<void> {
    const { others } = this.#basis ?? {}
    if (others !== undefined && gpus.every(gpu => others[gpu] !== undefined)) return
    await this.#inTime(async signal => {
      const changes = this.#changes
      // Both before the sleep begins: a process that comes between the two would not be missed afterwards.
      const [others, memories] = await Promise.all([this.#count(), this.#context.reader.retry(signal)])
      this.#remember(changes, memories, others)
    })
  }

  /** Looks in the background, a moment after a wake. Resolves with the memory, undefined if it cannot be read. */
  async observe ({ atOnce }: { atOnce: boolean }): Promise<GpuMemories | undefined> {
    const { clock, closed, reader } = this.#context
    const changes = this.#changes
    // The first requests are on their way to the engine by then.
    if (!atOnce) await pause(clock, observeAfter, closed)
    if (closed.aborted || changes !== this.#changes) return undefined
    // Before the memory: what a process takes between the two looks counts twice, and not at all the other way round.
    const others = await this.#count()
    const memories = await reader.retry(closed)
    if (others.length > 0) this.#remember(changes, memories, others)
    return memories
  }

  /** Whether a wake is known to find what it needs. */
  async foresees ({ id, gpus }: ResolvedModel): Promise<boolean> {
    await this.#confirmation
    const { clock, freed } = this.#context
    const basis = this.#basis
    const need = freed(id)
    if (need === undefined || basis === undefined || !basis.confirmed || clock.now() - basis.time > holds) return false
    return gpus.every(gpu => {
      const memory = basis.memories[gpu]
      if (memory === undefined || memory.shared) return false
      const returned = basis.slept.filter(({ gpus }) => gpus.includes(gpu)).reduce((sum, { id }) => sum + (freed(id) ?? 0), 0)
      return memory.total - memory.used + returned - (basis.grown[gpu] ?? 0) >= need - rounding
    })
  }

  #remember (changes: number, memories: GpuMemories | undefined, others: Basis['others']): void {
    if (memories === undefined || changes !== this.#changes) return
    this.#basis = { memories, time: this.#context.clock.now(), slept: [], others, grown: [], confirmed: true }
  }

  /** What other processes hold of each GPU, by its index. Undefined where no engine is listed: the list may not be of this GPU's processes. Never rejects. */
  async #count (): Promise<Basis['others']> {
    const { own, others } = await tellApart(await this.#list() ?? [], this.#context.ownGroups)
    const counted: Basis['others'] = []
    for (const { gpu } of own) counted[gpu] = sum(others, gpu)
    return counted
  }

  /** A command that fails or hangs is tried again after a pause. That it does is reported where memory is read. Never rejects. */
  async #list (): Promise<GpuProcess[] | undefined> {
    const { clock, closed, readProcesses } = this.#context
    if (readProcesses === undefined || clock.now() < this.#listAgainAt) return undefined
    // A command that hangs is not helped by more of them.
    this.#listAgainAt = Infinity
    let again = -Infinity
    const timeout = () => new Error('the command hangs')
    return await withTimeLimit({ clock, limit: commandLimit, timeout, signals: [closed] }, readProcesses).catch(() => {
      again = clock.now() + pauseAfterFailure
      return undefined
    }).finally(() => { this.#listAgainAt = again })
  }

  async #confirm (basis: Basis): Promise<void> {
    const { clock, ownGroups } = this.#context
    // Where processes are not listed, the look before the sleep must do.
    if (basis.others.length > 0) {
      // To start a program takes some milliseconds of the processor: the order to sleep is to be out by then.
      await setImmediate()
      const processes = await this.#list()
      if (processes === undefined) return
      const { others } = await tellApart(processes, ownGroups)
      basis.grown = Array.from(basis.others, (bytes, gpu) => bytes === undefined ? 0 : Math.max(0, sum(others, gpu) - bytes))
      basis.time = clock.now()
    }
    basis.confirmed = true
  }

  /** Waits for a look only for a moment. One that takes longer goes on, so that it is known whether the command hangs. */
  async #inTime (look: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock, closed } = this.#context
    await new Promise<void>(resolve => {
      const timer = clock.setTimeout(resolve, lookLimit)
      look(closed).catch(() => {
        // Memory is looked at again before the wake, and a failure is reported there.
      }).finally(() => {
        clock.clearTimeout(timer)
        resolve()
      })
    })
  }
}

/** vLLM's figures have two decimals. */
export const rounding = 0.01 * 1024 ** 3

function sum (processes: ReadonlyArray<{ gpu: number, bytes: number }>, gpu: number): number {
  return processes.reduce((sum, process) => sum + (process.gpu === gpu ? process.bytes : 0), 0)
}
