import type { IncomingHttpHeaders } from 'node:http'
import type { Head } from '../relay/answer.ts'
import type { ResponseEnd } from '../../events.ts'

/** What is known of a request when its trace begins. */
export interface TracedRequest {
  /** The engine's id; undefined if it is for no model of ours. */
  model: string | undefined
  route: string
  /** The host's id of it. */
  request: string
  headers: IncomingHttpHeaders
  /** Milliseconds since the epoch. */
  arrived: number
}

/** What the record of a request tells its trace. */
export interface RequestTrace {
  /** The request waits for its model, for the first time or again. */
  waits (): void
  /** The request no longer waits. */
  granted (): void
  /** Sends the request with `send`, with these headers or with those of the trace in their place. */
  sending (headers: string[], send: (headers: string[]) => void): void
  /** Its engine went to sleep while it was in flight, or is awake again. */
  frozen (frozen: boolean): void
  /** The first byte of the answer is there. */
  answered (head: Head): void
  /** More of the answer has come. */
  passed (chunk: Buffer): void
  /** The target has nothing more to do with it. */
  over (): void
  end (end: ResponseEnd): void
}

/** A tracer of requests. */
export interface Tracing {
  begin (request: TracedRequest): RequestTrace
}
