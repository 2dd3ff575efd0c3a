import type { Readable } from 'node:stream'
import type { AnswerBody, AnswerSink, Head, Source } from './answer.ts'
import { ClientLeftError } from './passage.ts'
import type { Passage } from './passage.ts'
import { ResponseBody } from './response-body.ts'

/** The answer in the shape that @fastify/reply-from expects. */
export interface UpstreamResponse extends Head {
  body: Readable | Buffer
}

export type ResponseCallback = (error: Error | null, response?: UpstreamResponse) => void

/** Hands the answer to @fastify/reply-from, which sends it. */
export class ReplySink implements AnswerSink {
  readonly #passage: Passage
  readonly #callback: ResponseCallback

  constructor (passage: Passage, callback: ResponseCallback) {
    this.#passage = passage
    this.#callback = callback
  }

  begin (head: Head, source: Source): AnswerBody {
    const { response, link } = this.#passage
    const body = new ResponseBody({ response, stall: link?.stall, ...source })
    this.#callback(null, { statusCode: head.statusCode, headers: head.headers, body })
    return body
  }

  whole ({ statusCode, headers }: Head, body: Buffer): void {
    // reply-from destroys the stream of an aborted request, and this is not a stream. Over HTTP/2 the abort is known before the
    // response closes.
    if (this.#passage.response.req.aborted) return this.#callback(new ClientLeftError())
    this.#callback(null, { statusCode, headers, body })
  }

  fail (error: Error): void {
    this.#callback(error)
  }
}
