import type { FastifyReply } from 'fastify'
import type { Outlook } from '../../switcher/outlook.ts'
import type { Waiter } from '../../switcher/queue.ts'
import type { Switcher } from '../../switcher/switcher.ts'
import { EarlyAnswer } from './early-answer.ts'
import type { EarlyAnswerOptions } from './early-answer.ts'
import { wholeSeconds } from './seconds.ts'

export const positionHeader = 'x-llmux-queue-position'
export const estimateHeader = 'x-llmux-estimated-wait'

export interface WaitOptions extends Omit<EarlyAnswerOptions, 'comment' | 'interval'> {
  switcher: Pick<Switcher, 'outlook'>
  /** From one comment to the next, in milliseconds; false if the client is not to be told anything before its answer. */
  heartbeat: number | false
}

/** What the client of a request that has to wait is told: in headers, and on an event stream as it waits. */
export class Wait {
  readonly #reply: FastifyReply
  readonly #options: WaitOptions
  #outlook: () => Outlook | undefined = () => undefined
  #early: EarlyAnswer | undefined

  constructor (reply: FastifyReply, options: WaitOptions) {
    this.#reply = reply
    this.#options = options
  }

  /** The event stream that has begun, if it has. */
  get early (): EarlyAnswer | undefined {
    return this.#early
  }

  /** It is in the queue, for the first time or again. */
  queued (waiter: Waiter): void {
    const options = this.#options
    const outlook = () => options.switcher.outlook(options.model, waiter)
    this.#outlook = outlook
    const now = outlook()
    if (this.#early !== undefined || now === undefined) return
    // Of several waits the first one counts: it is the one that the client can do something about.
    if (!this.#reply.hasHeader(positionHeader)) this.#reply.headers({ [positionHeader]: now.position, [estimateHeader]: wholeSeconds(now.wait) })
    if (options.heartbeat === false) return
    this.#early = new EarlyAnswer(this.#reply, { ...options, interval: options.heartbeat, comment: () => comment(this.#outlook()) })
  }
}

function comment (outlook: Outlook | undefined): string {
  return outlook === undefined ? 'with the engine' : `waiting, position ${outlook.position}, about ${wholeSeconds(outlook.wait)} s`
}
