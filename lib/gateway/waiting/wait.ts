import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Directory } from '../../directory.ts'
import type { Outlook } from '../../switcher/outlook.ts'
import type { Waiter } from '../../switcher/queue.ts'
import type { Switcher } from '../../switcher/switcher.ts'
import type { AnswerBody } from '../relay/answer.ts'
import { EarlyAnswer } from './early-answer.ts'
import type { EarlyAnswerOptions } from './early-answer.ts'
import { Heartbeat } from './heartbeat.ts'

export const positionHeader = 'x-llmux-queue-position'
export const estimateHeader = 'x-llmux-estimated-wait'

export interface WaitOptions extends Omit<EarlyAnswerOptions, 'comment' | 'interval'> {
  switcher: Pick<Switcher, 'outlook'>
  /** Milliseconds between comments; false if the client gets nothing before its answer. */
  heartbeat: number | false
}

/** What a client learns while its request waits or is frozen: in headers, and on an event stream. */
export class Wait {
  readonly #reply: FastifyReply
  readonly #options: WaitOptions
  #outlook: () => Outlook | undefined = () => undefined
  #early: EarlyAnswer | undefined
  #paused = false
  /** On the event stream that has begun. */
  #heartbeat: Heartbeat | undefined

  constructor (reply: FastifyReply, options: WaitOptions) {
    this.#reply = reply
    this.#options = options
  }

  /** The event stream that has begun, if any. */
  get early (): EarlyAnswer | undefined {
    return this.#early
  }

  /** The request entered the queue, for the first time or again. */
  queued (waiter: Waiter): void {
    const options = this.#options
    const outlook = () => options.switcher.outlook(options.model, waiter)
    this.#outlook = outlook
    const now = outlook()
    if (this.#early !== undefined || now === undefined) return
    // The first wait counts if there are several: the client can act on that one.
    if (!this.#reply.hasHeader(positionHeader)) this.#reply.headers({ [positionHeader]: now.position, [estimateHeader]: wholeSeconds(now.wait) })
    this.#beginEarly()
  }

  /** Its engine sleeps. `answer`: the event stream that it had begun. */
  paused (answer: AnswerBody | undefined): void {
    const { clock, heartbeat } = this.#options
    this.#paused = true
    if (heartbeat === false) return
    if (answer === undefined) {
      if (this.#early === undefined) this.#beginEarly()
      return
    }
    this.#heartbeat = new Heartbeat({ clock, interval: heartbeat, beat: () => answer.comment?.(() => this.#comment()) })
    this.#heartbeat.start()
  }

  /** Its engine is awake again, or the request no longer waits for it. */
  resumed (): void {
    this.#paused = false
    this.#heartbeat?.stop()
  }

  #beginEarly (): void {
    const options = this.#options
    if (options.heartbeat === false) return
    this.#early = new EarlyAnswer(this.#reply, { ...options, interval: options.heartbeat, comment: () => this.#comment() })
  }

  #comment (): string {
    const { switcher, model } = this.#options
    // It continues together with requests that would arrive now.
    if (this.#paused) return `paused, about ${wholeSeconds(switcher.outlook(model)?.wait ?? 0)} s`
    const outlook = this.#outlook()
    return outlook === undefined ? 'with the engine' : `waiting, position ${outlook.position}, about ${wholeSeconds(outlook.wait)} s`
  }
}

/** Whole seconds for clients. At least one: a waiting request has not been served yet. */
export function wholeSeconds (milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1_000))
}

/** The wait, in seconds, of a request that arrived now for the model of that request; undefined if it is for none of your models. */
export function secondsToWait (request: FastifyRequest, { names }: Pick<Directory, 'names'>, switcher: Pick<Switcher, 'outlook'>): number | undefined {
  const id = names.get(request.llmux.model ?? '')
  const outlook = id === undefined ? undefined : switcher.outlook(id)
  return outlook && wholeSeconds(outlook.wait)
}
