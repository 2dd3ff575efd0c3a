import type { Clock } from '../../clock.ts'
import type { LlmuxEvents, StartProgress as Progress, StartStage } from '../../events.ts'
import type { StageSign } from '../../engines/index.ts'
import { stages, estimate } from './estimate.ts'
import type { StartCourse } from './estimate.ts'

export interface ProgressContext {
  id: string
  clock: Clock
  events: LlmuxEvents
  /** What a line of its output tells of a start. */
  readSign: (text: string) => StageSign | undefined
}

/** How far a start has come, from what the engine writes, and how long it may still take, from how the last one went. */
export class StartProgress {
  readonly #context: ProgressContext
  #since = 0
  #begins = new Map<StartStage, number>()
  #last: Progress | undefined
  #request: string | undefined
  #course: StartCourse | undefined

  constructor (context: ProgressContext) {
    this.#context = context
  }

  /** Undefined while no start is under way. `remaining` is as of now. */
  get snapshot () {
    if (this.#last === undefined) return undefined
    const { stage, done, total, time, remaining } = this.#last
    const now = this.#context.clock.now()
    return {
      stage,
      done,
      total,
      elapsed: now - this.#since,
      remaining: remaining === undefined ? undefined : Math.max(0, remaining - (now - time))
    }
  }

  /** Follows one start. How one went that succeeded is what the next is measured by. */
  async during (request: string | undefined, start: () => Promise<void>): Promise<void> {
    this.#since = this.#context.clock.now()
    this.#begins = new Map()
    this.#request = request
    this.#tell({ stage: 'launching' })
    try {
      await start()
      this.#course = { begins: this.#begins, took: this.#context.clock.now() - this.#since }
    } finally {
      this.#last = undefined
    }
  }

  /** The engine has written something. */
  read (text: string): void {
    if (this.#last === undefined) return
    const sign = this.#context.readSign(text)
    // Several processes write, and what belongs to a stage that is over may come late.
    if (sign === undefined || stages.indexOf(sign.stage) < stages.indexOf(this.#last.stage)) return
    const { stage, done, total } = this.#last
    if (sign.stage === stage && (sign.done === undefined || (sign.done === done && sign.total === total))) return
    this.#tell(sign)
  }

  #tell (sign: StageSign): void {
    const { id, clock, events } = this.#context
    const time = clock.now()
    const elapsed = time - this.#since
    if (!this.#begins.has(sign.stage)) this.#begins.set(sign.stage, elapsed)
    const remaining = estimate(this.#course, sign)
    this.#last = {
      time,
      model: id,
      ...sign,
      elapsed,
      ...(remaining !== undefined && { remaining }),
      ...(this.#request !== undefined && { request: this.#request })
    }
    events.emit('progress', this.#last)
  }
}
