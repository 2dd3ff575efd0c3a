import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { EngineDiedError, LlmuxError, UpstreamError } from '../../errors.ts'
import { Attempt } from './attempt.ts'
import type { AttemptListener, Failure, Head } from './attempt.ts'
import { errorEvent } from './error-event.ts'
import type { Passage } from './passage.ts'
import { ResponseBody } from './response-body.ts'

/** The answer as @fastify/reply-from takes it. */
export interface UpstreamResponse extends Head {
  body: Readable
}

export type ResponseCallback = (error: Error | null, response?: UpstreamResponse) => void

export type UpstreamRequest = Pick<Dispatcher.DispatchOptions, 'path' | 'method' | 'headers' | 'body'>

/** Refused connections are no harm to the engine, but they must come to an end. */
const mostAttempts = 5

/**
 * One request and its answer, over as many attempts as it takes: a request whose engine died before the first byte came
 * back is sent again to the restarted engine, once.
 */
export class Exchange implements AttemptListener {
  readonly #passage: Passage
  readonly #request: UpstreamRequest
  readonly #callback: ResponseCallback
  #attempts = 0
  /** How often it was in flight when its engine broke. */
  #casualties = 0

  constructor (passage: Passage, request: UpstreamRequest, callback: ResponseCallback) {
    this.#passage = passage
    this.#request = request
    this.#callback = callback
  }

  send (): void {
    const { abortReason, target: { origin, dispatcher } } = this.#passage
    if (abortReason !== undefined) return this.#callback(abortReason)
    this.#attempts++
    this.#passage.link?.silent(this)
    dispatcher.dispatch({ ...this.#request, origin }, new Attempt(this))
  }

  started (controller: Dispatcher.DispatchController): void {
    this.#passage.started(controller)
  }

  begin (head: Head, controller: Dispatcher.DispatchController): ResponseBody {
    const passage = this.#passage
    passage.link?.heard(this)
    const body = new ResponseBody({
      response: passage.response,
      stall: passage.link?.stall,
      passed: bytes => passage.passed(bytes),
      resume: () => controller.resume(),
      abandoned: reason => passage.abort(reason)
    })
    this.#callback(null, { ...head, body })
    return body
  }

  async examine (reason: string): Promise<boolean> {
    const { link, lease } = this.#passage
    // The fallback upstream is not ours to examine: what it says is its answer.
    if (link === undefined) return true
    return lease!.error === undefined && await link.examine(reason)
  }

  failed (failure: Failure): void {
    const { error } = failure
    const { abortReason, link } = this.#passage
    link?.heard(this)
    if (abortReason !== undefined) this.#callback(abortReason)
    else if (link === undefined) this.#giveUp(new UpstreamError(detail(error)))
    else this.#recover(failure).catch((fault: Error) => this.#giveUp(this.#died(fault)))
  }

  broken ({ error, dead, eventStream }: Failure, body: ResponseBody): void {
    const { path, abortReason, link } = this.#passage
    const reason = abortReason ?? (link === undefined ? new UpstreamError(detail(error)) : this.#died(error))
    body.break(reason, eventStream && reason instanceof LlmuxError ? errorEvent(path, reason) : undefined)
    this.#passage.end()
    if (abortReason === undefined && !dead) this.examine('a connection to it broke').catch(fault => body.destroy(fault))
  }

  done (): void {
    this.#passage.end()
  }

  async #recover ({ error, sent, dead }: Failure): Promise<void> {
    const alive = !dead && await this.examine('a connection to it broke')
    const died = this.#died(error)
    if (sent) this.#casualties++
    const { abortReason, link } = this.#passage
    if (abortReason !== undefined) return this.#callback(abortReason)
    if (!link!.replay || this.#casualties > 1 || this.#attempts === mostAttempts) return this.#giveUp(died)
    this.#passage.renew(sent && !alive, error => error === undefined ? this.send() : this.#giveUp(error))
  }

  #giveUp (error: Error): void {
    this.#passage.end()
    this.#callback(error)
  }

  #died (error: Error): LlmuxError {
    const { lease } = this.#passage
    // What the engine said last is in the log; a client could do nothing with it.
    const [reason] = (lease!.error?.message ?? detail(error)).split('\n', 1)
    return new EngineDiedError(lease!.model, reason!)
  }
}

/** undici hides what happened to a connection in the code of an error without words. */
function detail (error: Error): string {
  return error.message || (error as NodeJS.ErrnoException).code || String(error)
}
