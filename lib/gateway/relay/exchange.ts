import type { Dispatcher } from 'undici'
import { EngineDiedError, LlmuxError, UpstreamError } from '../../errors.ts'
import { isEventStream } from './answer.ts'
import type { AnswerBody, AnswerSink, Head, Source } from './answer.ts'
import { Attempt } from './attempt.ts'
import type { AttemptListener, Failure } from './attempt.ts'
import { errorEvent } from './error-event.ts'
import type { Passage, Suspicion } from './passage.ts'

export interface UpstreamRequest extends Required<Pick<Dispatcher.DispatchOptions, 'path' | 'method' | 'body'>> {
  /** Names and values in turns. */
  headers: string[]
}

/** An engine with a dead core answers everything with 500 or 503. */
const suspectStatus = new Set([500, 503])

/** Refused connections do not harm the engine, but retries must end. */
const mostAttempts = 5

/** After its engine has died so many times, a request is not sent again. */
const mostDeaths = 2

/**
 * One request and its answer, over as many attempts as needed. If the engine died before the first byte, the request goes to
 * the restarted engine. If that dies too, it goes once more, alone: then an innocent request is served, and one that kills
 * every engine harms no other.
 */
export class Exchange implements AttemptListener {
  readonly #passage: Passage
  readonly #request: UpstreamRequest
  readonly #sink: AnswerSink
  #attempts = 0
  /** How often its engine broke while it was in flight. */
  #casualties = 0

  constructor (passage: Passage, request: UpstreamRequest, sink: AnswerSink) {
    this.#passage = passage
    this.#request = request
    this.#sink = sink
  }

  send (): void {
    this.#passage.ready(error => error === undefined ? this.#dispatch() : this.#giveUp(error))
  }

  started (controller: Dispatcher.DispatchController): void {
    this.#passage.started(controller)
  }

  begin (head: Head, controller: Dispatcher.DispatchController): AnswerBody {
    const passage = this.#passage
    this.#answered(head)
    const source: Source = {
      passed: chunk => passage.passed(chunk),
      resume: () => { if (controller.paused) controller.resume() },
      abandoned: reason => passage.abort(reason)
    }
    const body = passage.scope.runInAsyncScope(() => this.#goesTo.begin(head, source))
    passage.answer = { body, eventStream: isEventStream(head) }
    return body
  }

  whole (head: Head, body: Buffer): void {
    this.#answered(head)
    this.#passage.passed(body)
    this.#passage.end()
    this.#passage.scope.runInAsyncScope(() => this.#goesTo.whole(head, body))
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
    // The gateway does not examine the fallback upstream: what it says is its answer.
    if (link === undefined) return true
    return lease!.error === undefined && await link.examine(reason, head, held)
  }

  failed (failure: Failure): void {
    const { error } = failure
    const { abortReason, link } = this.#passage
    link?.heard()
    if (abortReason !== undefined) this.#fail(abortReason)
    else if (link === undefined) this.#giveUp(new UpstreamError(detail(error)))
    else this.#recover(failure).catch((fault: Error) => this.#giveUp(this.#died(fault)))
  }

  broken ({ error, dead, eventStream }: Failure, body: AnswerBody): void {
    const { path, abortReason, link, record } = this.#passage
    const reason = abortReason ?? (link === undefined ? new UpstreamError(detail(error)) : this.#died(error))
    // A client that left is not an error.
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
    if (abortReason !== undefined) return this.#fail(abortReason)
    this.#attempts++
    this.#passage.link?.silent()
    const { path, method, headers, body } = this.#request
    this.#passage.record.sending(headers, headers => dispatcher.dispatch({ origin, path, method, headers, body }, new Attempt(this)))
  }

  #answered (head: Head): void {
    const { link, record } = this.#passage
    link?.heard()
    record.answered(head)
  }

  /** The client may already have received the beginning of an event stream while it waited; the answer then continues that stream. */
  get #goesTo (): AnswerSink {
    return this.#passage.link?.begun() ?? this.#sink
  }

  async #recover ({ error, sent, dead }: Failure): Promise<void> {
    const alive = !dead && await this.examine('a connection to it broke')
    const died = this.#died(error)
    const { abortReason, link } = this.#passage
    if (abortReason !== undefined) return this.#fail(abortReason)
    if (link!.unseen === true) {
      this.#attempts--
      return this.#again({ suspect: false, alone: false })
    }
    if (sent) this.#casualties++
    if (!link!.replay || this.#casualties > (alive ? 1 : mostDeaths) || this.#attempts === mostAttempts) return this.#giveUp(died)
    const suspicion = { suspect: sent && !alive, alone: sent && !alive && this.#casualties === mostDeaths }
    this.#again(suspicion)
  }

  #again (suspicion: Suspicion): void {
    const passage = this.#passage
    passage.renew(suspicion, error => error === undefined ? passage.scope.runInAsyncScope(() => this.send()) : this.#giveUp(error))
  }

  #giveUp (error: Error): void {
    this.#passage.end()
    this.#fail(error)
  }

  #fail (error: Error): void {
    this.#passage.scope.runInAsyncScope(() => this.#goesTo.fail(error))
  }

  #died (error: Error): LlmuxError {
    const { link, lease } = this.#passage
    const { model, error: death } = lease!
    if (link?.lost !== undefined) return link.lost(death?.message ?? detail(error))
    return new EngineDiedError(death?.message ?? `the connection to the engine of model \`${model}\` broke: ${detail(error)}`)
  }
}

/** undici hides the reason of a broken connection in the code of an error without a message. */
function detail (error: Error): string {
  return error.message || (error as NodeJS.ErrnoException).code || String(error)
}
