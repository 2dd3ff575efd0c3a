import type { IncomingHttpHeaders } from 'node:http'

export interface Head {
  statusCode: number
  headers: IncomingHttpHeaders
}

/** The engine's side of an answer. */
export interface Source {
  /** So many bytes of it are on their way to the client. */
  passed: (bytes: number) => void
  /** There is room again. */
  resume: () => void
  /** The reader is gone, or has had enough. */
  abandoned: (reason: Error) => void
}

/** What the body of an answer goes into. */
export interface AnswerBody {
  /** Returns whether there is room for more. */
  add (chunk: Buffer): boolean
  /** Tells the client something between two events of an event stream, which parsers skip. */
  comment? (text: () => string): void
  /** That was all of it. */
  end (): void
  /** It is broken, and must not look complete; `lastEvent` says why, if it is an event stream. */
  break (error: Error, lastEvent?: string): void
  destroy (error: Error): void
}

/** Where an answer goes. One of the three is called, once. */
export interface AnswerSink {
  /** The first byte is there. */
  begin (head: Head, source: Source): AnswerBody
  /** All of it has come at once. */
  whole (head: Head, body: Buffer): void
  /** There will be no answer. */
  fail (error: Error): void
}

export function isEventStream ({ headers }: Pick<Head, 'headers'>): boolean {
  return String(headers['content-type']).startsWith('text/event-stream')
}
