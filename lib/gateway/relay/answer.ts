import type { IncomingHttpHeaders } from 'node:http'

export interface Head {
  statusCode: number
  headers: IncomingHttpHeaders
}

/** The engine's side of an answer. */
export interface Source {
  /** More of it is on its way to the client. */
  passed: (chunk: Buffer) => void
  /** There is room again. */
  resume: () => void
  /** The reader is gone, or needs no more. */
  abandoned: (reason: Error) => void
}

/** The target of the answer's body. */
export interface AnswerBody {
  /** Returns whether there is room for more. */
  add (chunk: Buffer): boolean
  /** Sends the client a comment between two events of an event stream; parsers skip it. */
  comment? (text: () => string): void
  /** The answer is complete. */
  end (): void
  /** The answer is broken and must not look complete; `lastEvent` says why, if it is an event stream. */
  break (error: Error, lastEvent?: string): void
  destroy (error: Error): void
}

/** Receives an answer. The attempt calls one of the three, once. */
export interface AnswerSink {
  /** The first byte has arrived. */
  begin (head: Head, source: Source): AnswerBody
  /** The whole answer has arrived. */
  whole (head: Head, body: Buffer): void
  /** There will be no answer. */
  fail (error: Error): void
}

export function isEventStream ({ headers }: Pick<Head, 'headers'>): boolean {
  return String(headers['content-type']).startsWith('text/event-stream')
}
