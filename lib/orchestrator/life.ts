import { ProcessDiedError } from '../errors.ts'
import type { ResolvedModel } from '../options/types.ts'
import type { Driver, EngineProcess, ProcessExit } from './driver.ts'

/** After SIGKILL: what is not gone by then is stuck in the kernel, and nobody knows for how long. */
const killLimit = 5_000

function describe ({ code, signal }: ProcessExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}

/** What a process said last, as the end of an error's message. */
export function quote (lines: string[]): string {
  return lines.length === 0 ? '' : `; its last lines:\n${lines.join('\n')}`
}

/** The reverse of `quote`, for those who have another place for these lines. */
export function unquote (message: string): { text: string, lastLines: string[] } {
  const [first = '', ...lastLines] = message.split('\n')
  return { text: first.replace(/; its last lines:$/, ''), lastLines }
}

/** One life of an engine: one process group, from its spawn until nobody of it is left. */
export class Life {
  readonly #id: string
  readonly #process: EngineProcess
  readonly #death = new AbortController()
  #exit: ProcessExit | undefined
  #obituary: Error | undefined
  /** Not even SIGKILL ended it. */
  stuck = false

  private constructor (id: string, process: EngineProcess) {
    this.#id = id
    this.#process = process
  }

  static async begin (driver: Driver, model: ResolvedModel, onExit: (life: Life) => void, onText?: (text: string) => void): Promise<Life> {
    const process = await driver.spawn(model, exit => {
      life.#exit = exit
      onExit(life)
    }, onText)
    const life = new Life(model.id, process)
    return life
  }

  get pid (): number {
    return this.#process.pid
  }

  /** Aborts when it is known to be over. */
  get dead (): AbortSignal {
    return this.#death.signal
  }

  lines (count: number): string[] {
    return this.#process.lastLines(count)
  }

  die (error: Error): void {
    this.#death.abort(error)
  }

  /** Why its leader ended, with what it said last. */
  obituary (): Error {
    this.#obituary = new ProcessDiedError(this.#id, `${describe(this.#exit!)}${quote(this.lines(20))}`)
    return this.#obituary
  }

  /** When its group is gone: an obituary with all that it said; any other error as it is. */
  async complete (error: Error): Promise<Error> {
    if (error !== this.#obituary) return error
    await this.#process.flushed()
    return this.obituary()
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
