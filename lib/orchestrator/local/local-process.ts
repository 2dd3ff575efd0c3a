import type { Clock } from '../../clock.ts'
import type { EngineProcess } from '../driver.ts'
import type { Leader } from './leader.ts'
import { Output, type OutputStream } from './output.ts'
import { ProcessGroup, type Kill } from './process-group.ts'

export interface ProcessContext {
  clock: Clock
  onLine: (stream: OutputStream, line: string) => void
  onRewrite?: (text: string) => void
  kill?: Kill
}

/** How long to wait for the end of the output of a group that has ended: another process may hold its pipes. Milliseconds. */
const flushLimit = 100

/** A process group on this machine, tracked until it is seen empty. */
export class LocalProcess implements EngineProcess {
  readonly pid: number
  readonly #group: ProcessGroup
  readonly #output: Output
  readonly #clock: Clock
  #flushed: Promise<void> | undefined

  constructor ({ pid, stdout, stderr, untrack }: Leader, { clock, onLine, onRewrite, kill }: ProcessContext) {
    this.pid = pid
    this.#clock = clock
    const onEmpty = () => {
      untrack()
      this.flushed()
    }
    this.#group = new ProcessGroup(pid, { clock, onEmpty, ...(kill && { kill }) })
    this.#output = new Output(onLine, onRewrite)
    this.#output.read('stdout', stdout)
    this.#output.read('stderr', stderr)
  }

  lastLines (count: number): string[] {
    return this.#output.last(count)
  }

  signal (signal: NodeJS.Signals): void {
    this.#group.signal(signal)
  }

  async gone (limit: number): Promise<boolean> {
    return await this.#group.waitEmpty(limit)
  }

  flushed (): Promise<void> {
    this.#flushed ??= this.#flush()
    return this.#flushed
  }

  async #flush (): Promise<void> {
    let timer
    const late = new Promise<void>(resolve => { timer = this.#clock.setTimeout(resolve, flushLimit) })
    await Promise.race([this.#output.ended(), late])
    this.#clock.clearTimeout(timer)
    this.#output.close()
  }
}
