import type { FastifyReply } from 'fastify'
import type { Clock } from '../../clock.ts'
import { LlmuxError } from '../../errors.ts'
import { isEventStream } from '../relay/answer.ts'
import type { AnswerBody, AnswerSink, Head, Source } from '../relay/answer.ts'
import { errorEvent } from '../relay/error-event.ts'
import type { StallLimit } from '../relay/passage.ts'
import { ResponseBody } from '../relay/response-body.ts'
import { unbuffered } from '../relay/response-headers.ts'
import { Heartbeat } from './heartbeat.ts'
import { Refusal, refusalError } from './refusal.ts'

export interface EarlyAnswerOptions {
  model: string
  /** The route without any prefix: it decides the dialect of errors. */
  path: string
  clock: Clock
  /** Milliseconds between comments. */
  interval: number
  stall: StallLimit
  /** The comment, in one line. */
  comment: () => string
  /** The stream ends with this error. */
  failed: (error: LlmuxError) => void
}

/**
 * An event stream that begins before the engine gets the request: comments, which parsers skip, until the engine's first
 * byte, then the engine's events. Only an error event can report any other outcome.
 */
export class EarlyAnswer implements AnswerSink {
  readonly #options: EarlyAnswerOptions
  readonly #body: ResponseBody
  readonly #heartbeat: Heartbeat
  #source: Source | undefined

  constructor (reply: FastifyReply, options: EarlyAnswerOptions) {
    this.#options = options
    this.#body = new ResponseBody({
      response: reply.raw,
      stall: options.stall,
      passed: chunk => this.#source?.passed(chunk),
      resume: () => this.#source?.resume(),
      abandoned: reason => {
        this.#heartbeat.stop()
        this.#source?.abandoned(reason)
      }
    })
    this.#heartbeat = new Heartbeat({ ...options, beat: () => this.#body.comment(options.comment) })
    this.#heartbeat.start()
    reply.code(200).headers({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...unbuffered }).send(this.#body)
  }

  /** Sends the comment now, without waiting for the interval. */
  beat (): void {
    this.#heartbeat.start()
  }

  begin (head: Head, source: Source): AnswerBody {
    this.#heartbeat.stop()
    this.#source = source
    if (head.statusCode === 200 && isEventStream(head)) return this.#body
    return new Refusal(text => this.fail(refusalError(this.#options.model, head, text)), error => this.fail(error))
  }

  whole (head: Head, body: Buffer): void {
    this.fail(refusalError(this.#options.model, head, body.toString()))
  }

  /** Breaks the connection, as everywhere: a client that does not read events must not take it for complete. */
  fail (error: Error): void {
    this.#heartbeat.stop()
    if (error instanceof LlmuxError) {
      this.#options.failed(error)
      this.#body.break(error, errorEvent(this.#options.path, error))
    } else this.#body.destroy(error)
  }
}
