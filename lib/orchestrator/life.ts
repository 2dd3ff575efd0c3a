import { ProcessDiedError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import type { EngineAdapter } from '../engines/index.ts'
import type { ResolvedModel } from '../options/types.ts'
import type { Driver, EngineProcess, ProcessExit } from './driver.ts'
import { explained, lastWords, withLastWords } from './last-words.ts'

/** After SIGKILL: what is not gone by then is stuck in the kernel, and nobody knows for how long. */
const killLimit = 5_000

/** All that is kept of what it said. */
const keptLines = 1_000

function describe ({ code, signal }: ProcessExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}

/** One life of an engine: one process group, from its spawn until nobody of it is left. */
export class Life {
  readonly #id: string
  readonly #engine: EngineAdapter
  readonly #process: EngineProcess
  readonly #death = new AbortController()
  #exit: ProcessExit | undefined
  #obituary: LlmuxError | undefined
  /** Not even SIGKILL ended it. */
  stuck = false
  /** Whether the engine has slept at level 1: it keeps the host memory that it pinned then. */
  pinned = false
  /** The LoRA adapters that it has loaded on request, the one first that has not been used for longest. */
  readonly adapters = new Set<string>()

  private constructor ({ id, engine }: ResolvedModel, process: EngineProcess) {
    this.#id = id
    this.#engine = engine
    this.#process = process
  }

  static async begin (driver: Driver, model: ResolvedModel, memoryShare: number | undefined, onExit: (life: Life) => void, onText?: (text: string) => void): Promise<Life> {
    const process = await driver.spawn(model, exit => {
      life.#exit = exit
      onExit(life)
    }, onText, memoryShare)
    const life = new Life(model, process)
    return life
  }

  get pid (): number | undefined {
    return this.#process.pid
  }

  /** Aborts when it is known to be over. */
  get dead (): AbortSignal {
    return this.#death.signal
  }

  lines (count: number): string[] {
    return this.#process.lastLines(count)
  }

  /** The last of them that may say something. */
  get lastWords (): string[] {
    return lastWords(this.lines(keptLines), this.#engine.noise)
  }

  die (error: Error): void {
    this.#death.abort(error)
  }

  /** Why its leader ended, with what it said last. */
  obituary (): LlmuxError {
    this.#obituary = withLastWords(new ProcessDiedError(this.#id, describe(this.#exit!)), this.lines(keptLines), this.#engine.noise)
    return this.#obituary
  }

  /** The error to report once the group is gone. An unexpected exit gets the last lines of output, and a failed start its cause. */
  async complete (error: Error, starting: boolean): Promise<Error> {
    if (error !== this.#obituary && !starting) return error
    await this.#process.flushed()
    const whole = error === this.#obituary ? this.obituary() : error
    return starting ? this.explain(whole as LlmuxError) : whole
  }

  /** Why a start failed. */
  explain (error: LlmuxError): LlmuxError {
    return explained(error, this.lines(keptLines), this.#engine)
  }

  /**
   * Ends the group: SIGTERM, and SIGKILL after `grace` milliseconds, or at once for one that is dead: its leader cannot
   * pass a signal on. Resolves with whether nobody is left.
   */
  async end (grace: number, onSlow: () => void): Promise<boolean> {
    if (!this.dead.aborted && !this.stuck) {
      this.#process.signal('SIGTERM')
      if (await this.#process.gone(grace)) return true
      onSlow()
    }
    this.#process.signal('SIGKILL')
    const gone = await this.gone(killLimit)
    this.stuck = !gone
    return gone
  }

  gone (limit: number): Promise<boolean> {
    return this.#process.gone(limit)
  }
}
