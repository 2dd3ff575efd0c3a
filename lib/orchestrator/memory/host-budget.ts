import { HostMemoryError } from '../../errors.ts'
import type { ResolvedModel, SleepLevel } from '../../options/types.ts'

/** One engine, as far as its host memory goes. */
export interface HostMemoryUser {
  readonly model: ResolvedModel
  /** The leader of its process group; undefined if it does not run. */
  readonly pid: number | undefined
  /** Since when it sleeps with nobody's requests in it; undefined otherwise. */
  readonly asleepSince: number | undefined
  stop (reason: string): Promise<void>
}

export interface HostBudgetContext {
  /** All engines. */
  users: () => readonly HostMemoryUser[]
  /** Bytes that all engines may hold together. */
  limit: number
  /** Bytes that a process group holds; undefined where nothing tells. */
  read: (group: number) => Promise<number | undefined>
  /** What would be lost by ending a sleeper: milliseconds of starts, for each millisecond. */
  missed: (id: string) => number
  warn: (id: string, error: Error) => void
}

const mebibytes = (bytes: number) => Math.round(bytes / 1024 ** 2)

/** Host memory for models that sleep at level 1. Without a limit the kernel would kill a process, possibly the gateway. */
export class HostBudget {
  readonly #context: HostBudgetContext
  /** Bytes that the first sleep of an engine adds to what it holds, by model. */
  readonly #growth = new Map<string, number>()
  /** Bytes that it has loaded, which is what it will be until its first sleep. */
  readonly #weights = new Map<string, number>()
  /** Bytes, as last read. */
  readonly #held = new Map<string, number>()

  constructor (context: HostBudgetContext) {
    this.#context = context
  }

  get limit (): number {
    return this.#context.limit
  }

  /** Bytes that an engine held when it was last looked at. */
  held (id: string): number | undefined {
    return this.#held.get(id)
  }

  /** A start begins, or its processes are gone. */
  reset ({ id }: ResolvedModel): void {
    this.#weights.delete(id)
    this.#held.delete(id)
  }

  /** A line of its output, which may say how much it has loaded. Each worker says it of its part. */
  readLine ({ id, engine }: ResolvedModel, line: string): void {
    const bytes = engine.readWeights?.(line)
    if (bytes !== undefined) this.#weights.set(id, (this.#weights.get(id) ?? 0) + bytes)
  }

  /**
   * The level for an engine that is to sleep at level 1 for the first time: 1 if there is room, for which sleepers may be
   * ended that will be missed less; otherwise a deeper one. With `frozen` requests it is 1 in any case: they are not lost for that.
   */
  async levelFor (model: ResolvedModel, frozen: number): Promise<SleepLevel> {
    const { limit, missed, users } = this.#context
    const { id, sleepAuto, level2Safe, adapters } = model
    if (limit === Infinity) return 1
    const growth = this.#growth.get(id) ?? this.#weights.get(id) ?? 0
    for (;;) {
      const left = limit - await this.#read(users())
      if (growth <= left) return 1
      const [next] = users().filter(other => other.model !== model && other.asleepSince !== undefined).sort((a, b) => missed(a.model.id) - missed(b.model.id) || a.asleepSince! - b.asleepSince!)
      if (next === undefined || (sleepAuto && frozen === 0 && missed(next.model.id) > missed(id))) {
        const level = frozen > 0 ? 1 : sleepAuto && level2Safe && adapters.length === 0 ? 2 : 3
        this.#warn(model, growth, left, level)
        return level
      }
      await next.stop('host memory is short')
    }
  }

  /** Called after the first sleep of an engine. */
  async learn ({ id }: ResolvedModel, pid: number): Promise<void> {
    const before = this.#held.get(id)
    if (before === undefined) return
    const bytes = await this.#context.read(pid)
    if (bytes === undefined) return
    this.#held.set(id, bytes)
    if (bytes > before) this.#growth.set(id, bytes - before)
  }

  async #read (users: readonly HostMemoryUser[]): Promise<number> {
    const each = await Promise.all(users.map(async ({ model: { id }, pid }) => {
      if (pid === undefined) return 0
      const bytes = await this.#context.read(pid)
      if (bytes === undefined) return 0
      this.#held.set(id, bytes)
      return bytes
    }))
    return each.reduce((sum, bytes) => sum + bytes, 0)
  }

  #warn ({ id }: ResolvedModel, growth: number, left: number, level: SleepLevel): void {
    const done = { 1: 'it does so all the same, because requests are frozen in it', 2: 'it sleeps at level 2', 3: 'its processes are ended' }[level]
    this.#context.warn(id, new HostMemoryError(id, mebibytes(growth), mebibytes(Math.max(0, left)), done))
  }
}
