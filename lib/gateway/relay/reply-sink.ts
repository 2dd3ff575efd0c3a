import type { Readable } from 'node:stream'
import type { AnswerBody, AnswerSink, Head, Source } from './answer.ts'
import type { Passage } from './passage.ts'
import { ResponseBody } from './response-body.ts'

/** The answer as @fastify/reply-from takes it. */
export interface UpstreamResponse extends Head {
  body: Readable
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
    this.#callback(null, { ...head, body })
    return body
  }

  fail (error: Error): void {
    this.#callback(error)
  }
}
