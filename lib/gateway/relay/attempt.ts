import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { isEventStream } from './answer.ts'
import type { AnswerBody, Head } from './answer.ts'
import { EventScanner } from './event-scanner.ts'

const colon = ':'.charCodeAt(0)

/** Longer answers are passed on as they arrive. Bytes. */
const longestWhole = 1024 * 1024

export interface Failure {
  error: Error
  /** The engine may have received the request. */
  sent: boolean
  /** The engine has been examined, and is dead. */
  dead: boolean
  /** The answer is an event stream. */
  eventStream: boolean
}

/** What an attempt reports. */
export interface AttemptListener {
  started (controller: Dispatcher.DispatchController): void
  /** The first byte has arrived: from here on the answer belongs to the client. */
  begin (head: Head, controller: Dispatcher.DispatchController): AnswerBody
  /** The whole answer has arrived, and none of it has been passed on: instead of `begin` and `done`. */
  whole (head: Head, body: Buffer): void
  /** Whether the beginning of an answer looks as if the engine were dead. */
  suspects (head: Head): boolean
  /** The answer looks as if the engine were dead. Resolves with whether it is alive. */
  examine (reason: string, head: Head, held: Buffer): Promise<boolean>
  /** Comments have arrived on an event stream that has had no event yet. Returns whether they have been handled. */
  comment (head: Head, text: string): boolean
  /** It broke before the first byte. */
  failed (failure: Failure): void
  /** It broke after the first byte. */
  broken (failure: Failure, body: AnswerBody): void
  /** The last byte has arrived. */
  done (): void
}

/**
 * Sends a request once. It passes nothing on before the first byte of the answer, since until then the request can be sent
 * again. It also holds back anything that looks like a dead engine until it knows: vLLM ends the stream of a dead engine
 * with an error event, `[DONE]` and HTTP 200.
 */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly #listener: AttemptListener
  #controller: Dispatcher.DispatchController | undefined
  #head: Head | undefined
  #scanner: EventScanner | undefined
  #body: AnswerBody | undefined
  /** What has arrived of an answer that is passed on as a whole. */
  #parts: Buffer[] | undefined
  /** What has arrived of an event stream since the last turn of the event loop. */
  #burst: Buffer[] = []
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
    // 100 Continue and other interim responses are not the answer.
    if (statusCode < 200) return
    this.#head = { statusCode, headers }
    if (this.#listener.suspects(this.#head)) this.#suspect([], `it answered ${statusCode}`)
    else if (isEventStream(this.#head)) this.#scanner = new EventScanner()
    else if (isShort(this.#head)) this.#parts = []
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#held !== undefined) this.#held.push(chunk)
    else if (this.#scanner !== undefined) this.#gather(chunk)
    else if (this.#parts !== undefined) this.#parts.push(chunk)
    else this.#pass(chunk)
  }

  onResponseEnd (): void {
    this.#flush()
    this.#end = {}
    if (this.#held === undefined) this.#finish()
  }

  onResponseError (_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#flush()
    this.#end = { error }
    if (this.#held === undefined) this.#finish()
  }

  /** Events that arrived together go on together: separately, each would cost a chunk and a write. */
  #gather (chunk: Buffer): void {
    const count = this.#burst.push(chunk)
    if (endsRead(chunk)) this.#flush()
    else if (count === 1) process.nextTick(() => this.#flush())
  }

  #flush (): void {
    const burst = this.#burst
    if (burst.length === 0) return
    this.#burst = []
    const scanner = this.#scanner!
    const { whole, fromError } = scanner.feed(burst.length === 1 ? burst[0]! : Buffer.concat(burst))
    this.#pass(whole)
    if (fromError !== undefined) this.#suspect([fromError, scanner.rest], 'it sent an error event')
  }

  #pass (chunk: Buffer): void {
    if (chunk.length === 0) return
    if (this.#body === undefined && this.#scanner !== undefined && chunk[0] === colon) {
      const end = commentsEnd(chunk)
      if (this.#listener.comment(this.#head!, chunk.toString('utf8', 0, end))) return this.#pass(chunk.subarray(end))
    }
    this.#body ??= this.#listener.begin(this.#head!, this.#controller!)
    if (!this.#body.add(chunk)) this.#controller!.pause()
  }

  #suspect (held: Buffer[], reason: string): void {
    this.#held = held
    this.#listener.examine(reason, this.#head!, Buffer.concat(held)).then(alive => alive ? this.#clear() : this.#dead(reason), error => this.#fail(error))
  }

  /** The engine is alive: what was held back was its answer. */
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
    const parts = this.#parts
    if (parts !== undefined) return this.#listener.whole(this.#head!, parts.length === 1 ? parts[0]! : Buffer.concat(parts))
    if (this.#scanner !== undefined) this.#pass(this.#scanner.rest)
    this.#body ??= this.#listener.begin(this.#head!, this.#controller!)
    // Before passing on the end of the body: a client that has read it may rely on the lease being back.
    this.#listener.done()
    this.#body.end()
  }

  #fail (error: Error, dead = false): void {
    if (this.#over) return
    this.#over = true
    const failure = { error, dead, sent: this.#controller !== undefined, eventStream: this.#scanner !== undefined }
    if (this.#body === undefined) this.#listener.failed(failure)
    else this.#listener.broken(failure, this.#body)
  }
}

/** The end of the comments at the beginning of a piece of an event stream. */
function commentsEnd (bytes: Buffer): number {
  let at = 0
  while (bytes[at] === colon) {
    const end = bytes.indexOf('\n\n', at)
    if (end === -1) return bytes.length
    at = end + 2
  }
  return at
}

/**
 * Whether it is passed on as a whole, as nearly all answers that are not event streams. A stream, which Fastify would have to
 * watch and pipe, costs more than all the rest of a short answer; and an answer of which nothing has been passed on can be
 * asked for again. @fastify/reply-from would add a type to an answer without one.
 */
function isShort ({ headers }: Head): boolean {
  return Number(headers['content-length']) <= longestWhole && headers['content-type'] !== undefined
}

/** Whether only the final line end follows in the same read buffer, which undici does not copy: then there is nothing to wait for. */
function endsRead ({ buffer, byteOffset, length }: Buffer): boolean {
  return buffer.byteLength - byteOffset - length <= '\r\n'.length
}
