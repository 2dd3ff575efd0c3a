import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import type { LlmuxError } from '../errors.ts'
import type { LiveRequest, LiveRequests } from './live-requests.ts'
import type { Head } from './relay/answer.ts'
import type { PassageRecord } from './relay/passage.ts'
import type { RequestTrace, Tracing } from './tracing/trace.ts'
import type { LlmuxEvents, ResponseEnd, ResponseOutcome } from '../events.ts'

export interface Recorder {
  clock: Clock
  events: Pick<LlmuxEvents, 'emit'>
  /** Models that have sent no byte since they became awake. */
  silent: Set<string>
  /** The open requests. */
  live: LiveRequests
  /** Undefined if nobody traces. */
  tracing?: Tracing | undefined
}

export interface RecordedRequest {
  /** The engine's id; undefined if the request is for none of your models. */
  model: string | undefined
  route: string
  /** Bytes of its body. */
  received: number
}

/** The record of one request, reported as one event at its end. Every request passes here, so it only adds up. */
export class RequestRecord implements PassageRecord, LiveRequest {
  place = 0
  readonly #recorder: Recorder
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #about: RecordedRequest
  readonly #arrived: number
  readonly #trace: RequestTrace | undefined
  #waitsSince: number | undefined
  #grantedAt = 0
  #queued = 0
  #firstByte: number | undefined
  #heard: number | undefined
  #sendings = 0
  #sent = 0
  #error: LlmuxError | undefined

  constructor (recorder: Recorder, request: FastifyRequest, reply: FastifyReply, about: RecordedRequest) {
    this.#recorder = recorder
    this.#request = request
    this.#reply = reply
    this.#about = about
    // Before your hooks and before the body is read, since the client waits for both.
    this.#arrived = recorder.clock.now() - reply.elapsedTime
    recorder.live.add(this)
    this.#trace = recorder.tracing?.begin({ model: about.model, route: about.route, request: request.id, headers: request.headers, arrived: this.#arrived })
  }

  get request (): string {
    return this.#request.id
  }

  get route (): string {
    return this.#about.route
  }

  get arrived (): number {
    return this.#arrived
  }

  get heard (): number | undefined {
    return this.#heard
  }

  waits (): void {
    this.#waitsSince = this.#recorder.clock.now()
  }

  /** The request has to wait. */
  queued (): void {
    this.#trace?.waits()
  }

  granted (now: number): void {
    this.#grantedAt = now
    this.#stopWaiting(now)
    this.#trace?.granted()
  }

  /** It is on its way to an engine, by `send`. */
  sending (headers: string[], send: (headers: string[]) => void): void {
    this.#sendings++
    if (this.#trace === undefined) send(headers)
    else this.#trace.sending(headers, send)
  }

  frozen (frozen: boolean): void {
    this.#trace?.frozen(frozen)
  }

  /** The engine has answered. */
  answered (head: Head): void {
    this.#trace?.answered(head)
    const { clock, events, silent } = this.#recorder
    const time = clock.now()
    this.#firstByte = time - this.#arrived
    const { model } = this.#about
    if (model === undefined || !silent.delete(model)) return
    events.emit('first', { time, model, duration: time - this.#grantedAt, request: this.#request.id })
  }

  /** More of the answer has arrived. */
  passed (chunk: Buffer): void {
    this.#sent += chunk.length
    this.#heard = this.#recorder.clock.now()
    this.#trace?.passed(chunk)
  }

  /** The engine has nothing more to do with it. */
  over (): void {
    this.#trace?.over()
  }

  /** The request was answered with this error, or broken off because of it. */
  failed (error: LlmuxError): void {
    this.#error = error
  }

  end (): void {
    const { clock, events, live } = this.#recorder
    live.delete(this)
    const time = clock.now()
    const { raw } = this.#reply
    const { model, route, received } = this.#about
    this.#stopWaiting(time)
    // Not built with spread syntax, which is expensive for every request.
    const end: ResponseEnd = {
      time,
      request: this.#request.id,
      model,
      route,
      received,
      status: raw.headersSent ? raw.statusCode : undefined,
      outcome: this.#outcome,
      queued: this.#queued,
      firstByte: this.#firstByte,
      duration: time - this.#arrived,
      replays: Math.max(0, this.#sendings - 1),
      sent: this.#sent
    }
    if (this.#error !== undefined) {
      end.code = this.#error.code
      end.reason = this.#error.message
    }
    this.#trace?.end(end)
    events.emit('response', end)
  }

  #stopWaiting (now: number): void {
    if (this.#waitsSince === undefined) return
    this.#queued += now - this.#waitsSince
    this.#waitsSince = undefined
  }

  get #outcome (): ResponseOutcome {
    const { statusCode, headersSent } = this.#reply.raw
    if (!isWhole(this.#reply)) return this.#error === undefined || !headersSent ? 'left' : 'cut'
    if (statusCode >= 500) return 'server_error'
    if (statusCode === 429) return 'overloaded'
    if (statusCode >= 400) return 'client_error'
    // An event stream ends with an error event.
    return this.#error === undefined ? 'ok' : 'cut'
  }
}

/**
 * Whether the client has received all of it. `app.inject()` has no connection that could finish it: there it is
 * complete once it has ended.
 */
function isWhole ({ raw }: FastifyReply): boolean {
  return raw.writableFinished || (raw.writableEnded && '_lightMyRequest' in raw)
}
