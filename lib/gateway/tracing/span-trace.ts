import { context, createContextKey, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api'
import { errorType } from '../../gen-ai.ts'
import type { ResponseEnd } from '../../events.ts'
import type { Head } from '../relay/answer.ts'
import { AnswerReader } from './answer-reader.ts'
import type { RequestTrace, TracedRequest } from './trace.ts'

/** @opentelemetry/core's: its own constant, so that an instrumentation of undici adds neither a span nor headers to ours. */
const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

export interface SpanTraceOptions {
  tracer: Tracer
  /** That of the request as a whole, and its context. */
  span: Span
  context: Context
  request: TracedRequest
  /** Requests that wait for a model, including this one while it does. */
  waiting: Set<SpanTrace>
}

/** The spans of one request: one from its arrival to its end, and within it one for each wait and for each time at an engine. */
export class SpanTrace implements RequestTrace {
  readonly request: TracedRequest
  readonly #options: SpanTraceOptions
  readonly #reader: AnswerReader | undefined
  #wait: Span | undefined
  #engine: Span | undefined

  constructor (options: SpanTraceOptions) {
    this.request = options.request
    this.#options = options
    if (options.span.isRecording()) this.#reader = new AnswerReader()
  }

  /** The span of its wait, and the context for what happens for its sake; undefined if it does not wait. */
  get wait (): { span: Span, context: Context } | undefined {
    return this.#wait && { span: this.#wait, context: trace.setSpan(this.#options.context, this.#wait) }
  }

  waits (): void {
    this.#leaveEngine('_OTHER')
    this.#wait = this.#child('wait', SpanKind.INTERNAL)
    this.#options.waiting.add(this)
  }

  granted (): void {
    this.#options.waiting.delete(this)
    this.#wait?.end()
    this.#wait = undefined
  }

  sending (headers: string[], send: (headers: string[]) => void): void {
    this.#leaveEngine('_OTHER')
    this.#engine = this.#child('engine', SpanKind.CLIENT)
    const carrier: Record<string, string> = {}
    const inner = trace.setSpan(this.#options.context, this.#engine)
    propagation.inject(inner, carrier)
    context.with(inner.setValue(suppressed, true), send, undefined, withCarrier(headers, carrier))
  }

  frozen (frozen: boolean): void {
    this.#engine?.addEvent(frozen ? 'frozen' : 'thawed')
  }

  answered (head: Head): void {
    this.#engine?.setAttribute('http.response.status_code', head.statusCode)
    this.#reader?.begin(head)
  }

  passed (chunk: Buffer): void {
    this.#reader?.add(chunk)
  }

  over (): void {
    this.#leaveEngine()
  }

  end (end: ResponseEnd): void {
    const { span } = this.#options
    const error = errorType(end)
    this.granted()
    this.#leaveEngine(error)
    span.setAttributes({ ...this.#reader?.attributes(), ...this.#endAttributes(end) })
    // A client that left is not an error.
    if (error !== '' && end.outcome !== 'left') fail(span, error, end.reason)
    span.end(end.time)
  }

  #endAttributes ({ outcome, firstByte, replays }: ResponseEnd): Attributes {
    const streams = this.#reader?.streams === true
    return {
      'llmux.outcome': outcome,
      ...(replays > 0 && { 'llmux.replays': replays }),
      ...(streams && { 'gen_ai.request.stream': true }),
      ...(streams && firstByte !== undefined && { 'gen_ai.response.time_to_first_chunk': firstByte / 1000 })
    }
  }

  #child (name: string, kind: SpanKind): Span {
    const { tracer, context } = this.#options
    const { model } = this.request
    return tracer.startSpan(model === undefined ? name : `${name} ${model}`, { kind, ...(model !== undefined && { attributes: { 'gen_ai.request.model': model } }) }, context)
  }

  #leaveEngine (error = ''): void {
    if (this.#engine === undefined) return
    if (error !== '' && error !== 'left') fail(this.#engine, error)
    this.#engine.end()
    this.#engine = undefined
  }
}

export function fail (span: Span, error: string, message?: string): void {
  span.setAttribute('error.type', error)
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) })
}

/** What the client says of its trace is said anew: one `traceparent` goes on, and no `tracestate` that belongs to another. */
function withCarrier (headers: string[], carrier: Record<string, string>): string[] {
  const entries = Object.entries(carrier)
  if (entries.length === 0) return headers
  const own = new Set(propagation.fields())
  const result = headers.filter((_, index) => !own.has(headers[index - index % 2]!.toLowerCase()))
  for (const entry of entries) result.push(...entry)
  return result
}
