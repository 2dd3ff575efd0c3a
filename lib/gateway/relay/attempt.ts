import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { EventScanner } from './event-scanner.ts'
import type { ResponseBody } from './response-body.ts'

export interface Head {
  statusCode: number
  headers: IncomingHttpHeaders
}

export interface Failure {
  error: Error
  /** The engine may have seen the request. */
  sent: boolean
  /** The engine has been examined, and is dead. */
  dead: boolean
  /** The answer is an event stream. */
  eventStream: boolean
}

/** What an attempt tells of itself. */
export interface AttemptListener {
  started (controller: Dispatcher.DispatchController): void
  /** The first byte is there: from here on the answer is the client's. */
  begin (head: Head, controller: Dispatcher.DispatchController): ResponseBody
  /** So many bytes are passed on. */
  passed (bytes: number): void
  /** The answer looks as if the engine were dead. Resolves with whether it lives. */
  examine (reason: string): Promise<boolean>
  /** It broke before the first byte. */
  failed (failure: Failure): void
  /** It broke after the first byte. */
  broken (failure: Failure, body: ResponseBody): void
  /** The last byte is there. */
  done (): void
}

/** An engine whose core is dead says 500 or 503 to everything. */
const suspectStatus = new Set([500, 503])

/**
 * One sending of a request. Nothing of the answer is passed on before its first byte, since until then the request can be
 * sent again; nor anything that looks as if the engine were dead, until it is known whether it is: vLLM ends the stream of
 * a dead engine with an error event, `[DONE]` and HTTP 200.
 */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly #listener: AttemptListener
  #controller: Dispatcher.DispatchController | undefined
  #head: Head | undefined
  #scanner: EventScanner | undefined
  #body: ResponseBody | undefined
  /** What is held back while the engine is examined. */
  #held: Buffer[] | undefined
  #end: { error?: Error } | undefined
  #over = false

  constructor (listener: AttemptListener) {
    this.#listener = listener
  }

  onRequestStart (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#listener.started(controller)
  }

  onResponseStart (_controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    // 100 Continue and the like are not the answer.
    if (statusCode < 200) return
    this.#head = { statusCode, headers }
    if (suspectStatus.has(statusCode)) this.#suspect([], `it answered ${statusCode}`)
    else if (String(headers['content-type']).startsWith('text/event-stream')) this.#scanner = new EventScanner()
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#held !== undefined) this.#held.push(chunk)
    else if (this.#scanner === undefined) this.#pass(chunk)
    else {
      const { whole, fromError } = this.#scanner.feed(chunk)
      this.#pass(whole)
      if (fromError !== undefined) this.#suspect([fromError, this.#scanner.rest], 'it sent an error event')
    }
  }

  onResponseEnd (): void {
    this.#end = {}
    if (this.#held === undefined) this.#finish()
  }

  onResponseError (_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#end = { error }
    if (this.#held === undefined) this.#finish()
  }

  #pass (chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#body ??= this.#listener.begin(this.#head!, this.#controller!)
    this.#listener.passed(chunk.length)
    if (!this.#body.add(chunk)) this.#controller!.pause()
  }

  #suspect (held: Buffer[], reason: string): void {
    this.#held = held
    this.#listener.examine(reason).then(alive => alive ? this.#clear() : this.#dead(reason), error => this.#fail(error))
  }

  /** The engine lives: what was held back was its answer. */
  #clear (): void {
    const held = this.#held!
    this.#held = undefined
    this.#scanner &&= new EventScanner()
    for (const chunk of held) {
      const { whole, fromError } = this.#scanner?.feed(chunk) ?? { whole: chunk }
      this.#pass(whole)
      if (fromError !== undefined) this.#pass(fromError)
    }
    if (this.#end !== undefined) this.#finish()
  }

  #dead (reason: string): void {
    const error = new Error(reason)
    this.#fail(error, true)
    this.#controller!.abort(error)
  }

  #finish (): void {
    const { error } = this.#end!
    if (error !== undefined) return this.#fail(error)
    if (this.#over) return
    this.#over = true
    if (this.#scanner !== undefined) this.#pass(this.#scanner.rest)
    this.#body ??= this.#listener.begin(this.#head!, this.#controller!)
    // Before the body's end is passed on: whoever has read it may count on the lease being back.
    this.#listener.done()
    this.#body.push(null)
  }

  #fail (error: Error, dead = false): void {
    if (this.#over) return
    this.#over = true
    const failure = { error, dead, sent: this.#controller !== undefined, eventStream: this.#scanner !== undefined }
    if (this.#body === undefined) this.#listener.failed(failure)
    else this.#listener.broken(failure, this.#body)
  }
}
