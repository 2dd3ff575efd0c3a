import type { Dispatcher } from 'undici'
import { EngineDiedError, LlmuxError, UpstreamError } from '../../errors.ts'
import { isEventStream } from './answer.ts'
import type { AnswerBody, AnswerSink, Head } from './answer.ts'
import { Attempt } from './attempt.ts'
import type { AttemptListener, Failure } from './attempt.ts'
import { errorEvent } from './error-event.ts'
import type { Passage } from './passage.ts'

export type UpstreamRequest = Required<Pick<Dispatcher.DispatchOptions, 'path' | 'method' | 'headers' | 'body'>>

/** An engine whose core is dead says 500 or 503 to everything. */
const suspectStatus = new Set([500, 503])

/** Refused connections are no harm to the engine, but they must come to an end. */
const mostAttempts = 5

/** After the next one that it is in flight in, a request is not sent again. */
const mostDeaths = 2

/**
 * One request and its answer, over as many attempts as it takes: a request whose engine died before the first byte came
 * back is sent again to the restarted engine; if that dies too, once more, alone, so that one that was there by chance is
 * served, and one that kills every engine takes nobody with it.
 */
export class Exchange implements AttemptListener {
  readonly #passage: Passage
  readonly #request: UpstreamRequest
  readonly #sink: AnswerSink
  #attempts = 0
  /** How often it was in flight when its engine broke. */
  #casualties = 0

  constructor (passage: Passage, request: UpstreamRequest, sink: AnswerSink) {
    this.#passage = passage
    this.#request = request
    this.#sink = sink
  }

  send (): void {
    this.#passage.awake(() => this.#dispatch())
  }

  started (controller: Dispatcher.DispatchController): void {
    this.#passage.started(controller)
  }

  begin (head: Head, controller: Dispatcher.DispatchController): AnswerBody {
    const passage = this.#passage
    this.#answered()
    const body = this.#goesTo.begin(head, {
      passed: bytes => passage.passed(bytes),
      resume: () => { if (controller.paused) controller.resume() },
      abandoned: reason => passage.abort(reason)
    })
    passage.answer = { body, eventStream: isEventStream(head) }
    return body
  }

  whole (head: Head, body: Buffer): void {
    this.#answered()
    this.#passage.passed(body.length)
    this.#passage.end()
    this.#goesTo.whole(head, body)
  }

  suspects (head: Head): boolean {
    return this.#passage.link?.suspects?.(head) ?? suspectStatus.has(head.statusCode)
  }

  comment (head: Head, text: string): boolean {
    const { link } = this.#passage
    if (link?.comment === undefined) return false
    link.comment(head, text)
    return true
  }

  async examine (reason: string, head?: Head, held?: Buffer): Promise<boolean> {
    const { link, lease } = this.#passage
    // The fallback upstream is not ours to examine: what it says is its answer.
    if (link === undefined) return true
    return lease!.error === undefined && await link.examine(reason, head, held)
  }

  failed (failure: Failure): void {
    const { error } = failure
    const { abortReason, link } = this.#passage
    link?.heard()
    if (abortReason !== undefined) this.#goesTo.fail(abortReason)
    else if (link === undefined) this.#giveUp(new UpstreamError(detail(error)))
    else this.#recover(failure).catch((fault: Error) => this.#giveUp(this.#died(fault)))
  }

  broken ({ error, dead, eventStream }: Failure, body: AnswerBody): void {
    const { path, abortReason, link, record } = this.#passage
    const reason = abortReason ?? (link === undefined ? new UpstreamError(detail(error)) : this.#died(error))
    // A client that has left is no error of anybody's.
    if (reason instanceof LlmuxError) record.failed(reason)
    body.break(reason, eventStream && reason instanceof LlmuxError ? errorEvent(path, reason) : undefined)
    this.#passage.end()
    if (abortReason === undefined && !dead) this.examine('a connection to it broke').catch(fault => body.destroy(fault))
  }

  done (): void {
    this.#passage.end()
  }

  #dispatch (): void {
    const { abortReason, target: { origin, dispatcher } } = this.#passage
    if (abortReason !== undefined) return this.#goesTo.fail(abortReason)
    this.#attempts++
    this.#passage.record.sending()
    this.#passage.link?.silent()
    const { path, method, headers, body } = this.#request
    dispatcher.dispatch({ origin, path, method, headers, body }, new Attempt(this))
  }

  #answered (): void {
    const { link, record } = this.#passage
    link?.heard()
    record.answered()
  }

  /** The client may have been sent the beginning of an event stream while it waited: then the answer is to fill that. */
  get #goesTo (): AnswerSink {
    return this.#passage.link?.begun() ?? this.#sink
  }

  async #recover ({ error, sent, dead }: Failure): Promise<void> {
    const alive = !dead && await this.examine('a connection to it broke')
    const died = this.#died(error)
    if (sent) this.#casualties++
    const { abortReason, link } = this.#passage
    if (abortReason !== undefined) return this.#goesTo.fail(abortReason)
    if (!link!.replay || this.#casualties > (alive ? 1 : mostDeaths) || this.#attempts === mostAttempts) return this.#giveUp(died)
    const suspicion = { suspect: sent && !alive, alone: sent && !alive && this.#casualties === mostDeaths }
    this.#passage.renew(suspicion, error => error === undefined ? this.send() : this.#giveUp(error))
  }

  #giveUp (error: Error): void {
    this.#passage.end()
    this.#goesTo.fail(error)
  }

  #died (error: Error): LlmuxError {
    const { link, lease } = this.#passage
    const { model, error: death } = lease!
    if (link?.lost !== undefined) return link.lost(death?.message ?? detail(error))
    return new EngineDiedError(death?.message ?? `the connection to the engine of model \`${model}\` broke: ${detail(error)}`)
  }
}

/** undici hides what happened to a connection in the code of an error without words. */
function detail (error: Error): string {
  return error.message || (error as NodeJS.ErrnoException).code || String(error)
}
