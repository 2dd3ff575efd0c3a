import type { ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.ts'
import type { LlmuxError } from '../../errors.ts'
import type { Endpoint } from '../../orchestrator/driver.ts'
import type { Lease } from '../../switcher/lease.ts'
import type { Answer, Comeback } from '../../switcher/queue.ts'
import type { AnswerBody, AnswerSink, Head } from './answer.ts'

/** How long a client may read nothing, in milliseconds. */
export interface StallLimit {
  clock: Clock
  limit: number
  /** Its client has not read for so long: whether it is to be cut. */
  expired: () => boolean
  /** It reads again, or is gone. */
  over: () => void
}

export type Suspicion = Pick<Comeback, 'suspect' | 'alone'>

/** What a passage needs of a lease. */
export type Held = Pick<Lease, 'model' | 'error' | 'output' | 'frozen' | 'release' | 'whenCut' | 'whenFrozen'>

/** What a passage is told when it is let in again. */
export interface NextHold {
  granted: (lease: Held) => void
  refused: Answer['refused']
}

/** What a request on its way to an engine, or to a node with engines, may ask of the floors below. */
export interface EngineLink {
  /** The lease it sets out with. */
  readonly lease: Held
  /** Where the engine answers now. */
  endpoint (): Endpoint
  /** Waits for another lease, apart from others of its kind, or from all, if the request is suspected of having killed its engine. Returns how to give up. */
  renew (suspicion: Suspicion, answer: NextHold): () => void
  /** The answer that was begun while the request waited; undefined as long as the client has been sent nothing. */
  begun (): AnswerSink | undefined
  /** Whether a request may be sent again after its engine died. */
  readonly replay: boolean
  /** Called when the request is sent, until `heard`: an engine that stays silent is probed. */
  silent (): void
  heard (): void
  /** Called when its engine is put to sleep in the midst of it, and when that is over. */
  frozen (frozen: boolean): void
  /** How long its client may read nothing while others wait for the GPU. */
  readonly stall: StallLimit
  /** Asks an engine that seems dead whether it lives. If it does not, it is treated as dead from then on. */
  /** `held`: what of its answer has come and is not passed on yet. */
  examine (reason: string, head?: Head, held?: Buffer): Promise<boolean>
  /** Whether an answer that begins so is examined before it is passed on. Default: 500 and 503 are. */
  suspects? (head: Head): boolean
  /** Takes comments on an event stream that has had no event yet. Default: they are the first bytes of the answer. */
  comment? (head: Head, text: string): void
  /** What its client is told when it is lost. Default: that its engine died. */
  lost? (detail: string): LlmuxError
}

/** What is told of a passage, for the record of its request. */
export interface PassageRecord {
  /** The request is sent to its target. */
  sending (): void
  /** The first byte of the answer is there. */
  answered (): void
  /** So many bytes of the answer have come. */
  passed (bytes: number): void
  /** It is broken off, or answered with an error. */
  failed (error: LlmuxError): void
}

/** There is nobody to answer any more. */
export class ClientLeftError extends Error {
  override message = 'the client has left'
}

/**
 * One request's passage to an engine, or to the fallback upstream, which needs no lease. Holds a lease until the last
 * byte has come back or either side has broken.
 */
export class Passage {
  /** The route's path without any prefix, which is the engine's. */
  readonly path: string
  /** What the client is sent. */
  readonly response: ServerResponse
  readonly link: EngineLink | undefined
  readonly record: PassageRecord
  /** What its answer has begun to go into, if it has begun. */
  answer: { body: AnswerBody, eventStream: boolean } | undefined
  #target: Endpoint
  #lease: Held | undefined
  #controller: Dispatcher.DispatchController | undefined
  #stopWaiting: ((error: Error) => void) | undefined
  #thawed: (() => void) | undefined
  #abortReason: Error | undefined
  #ended = false

  constructor (path: string, response: ServerResponse, to: EngineLink | Endpoint, record: PassageRecord) {
    this.path = path
    this.response = response
    this.record = record
    this.link = 'lease' in to ? to : undefined
    this.#target = 'lease' in to ? to.endpoint() : to
    if (this.link !== undefined) this.#hold(this.link.lease)
  }

  get target (): Endpoint {
    return this.#target
  }

  get lease (): Held | undefined {
    return this.#lease
  }

  /** Why it was broken from our side; undefined if it was not. */
  get abortReason (): Error | undefined {
    return this.#abortReason
  }

  /** Calls back once its engine is awake: nothing is sent to one that sleeps. */
  awake (callback: () => void): void {
    if (this.#lease?.frozen !== true) return callback()
    const go = () => {
      this.#stopWaiting = this.#thawed = undefined
      callback()
    }
    this.#thawed = this.#stopWaiting = go
  }

  /** The request is on its way, and can be broken off from now on. */
  started (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#abortReason !== undefined) controller.abort(this.#abortReason)
  }

  /** Breaks off the upstream request, which ends the engine's work on it, or the wait for another lease. Does nothing once it has ended. */
  abort (reason: Error): void {
    if (this.#ended || this.#abortReason !== undefined) return
    this.#abortReason = reason
    this.#lease?.release()
    this.#stopWaiting?.(reason)
    this.#controller?.abort(reason)
  }

  /** Breaks the connection to its target as if the target had: a request without a byte may be sent again. */
  interrupt (reason: Error): void {
    this.#controller?.abort(reason)
  }

  /** There is nobody to answer any more. */
  left (): void {
    // Of nearly all requests the client goes when the answer is there: then it is not even worth an error.
    if (!this.#ended) this.abort(new ClientLeftError())
  }

  /** Counts what the engine has answered. */
  passed (bytes: number): void {
    this.record.passed(bytes)
    if (this.#lease !== undefined) this.#lease.output += bytes
  }

  /** The target has nothing more to do with it. */
  end (): void {
    this.#ended = true
    this.#lease?.release()
  }

  /** Waits for a lease to try again with. */
  renew (suspicion: Suspicion, callback: (error?: Error) => void): void {
    const link = this.link!
    this.#lease!.release()
    this.#controller = undefined
    let settled = false
    const settle = (error?: Error) => {
      settled = true
      this.#stopWaiting = undefined
      callback(error)
    }
    const leave = link.renew(suspicion, {
      granted: lease => {
        this.#target = link.endpoint()
        this.#hold(lease)
        settle()
      },
      refused: settle
    })
    if (!settled) this.#stopWaiting = error => { leave(); settle(error) }
  }

  #hold (lease: Held): void {
    this.#lease = lease
    lease.whenCut(error => this.abort(error))
    lease.whenFrozen(frozen => {
      this.link!.frozen(frozen)
      if (!frozen) this.#thawed?.()
    })
  }
}
