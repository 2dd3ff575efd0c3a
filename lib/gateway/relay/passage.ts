import { AsyncResource } from 'node:async_hooks'
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
  /** The client has read nothing for so long. Returns whether to cut it. */
  expired: () => boolean
  /** The client reads again, or is gone. */
  over: () => void
}

export type Suspicion = Pick<Comeback, 'suspect' | 'alone'>

/** What a passage needs of a lease. */
export type Held = Pick<Lease, 'model' | 'error' | 'output' | 'frozen' | 'release' | 'whenCut' | 'whenFrozen'>

/** What a passage hears when it is admitted again. */
export interface NextHold {
  granted: (lease: Held) => void
  refused: Answer['refused']
}

/** What a request on its way to an engine, or to a node with engines, may ask of the lower floors. */
export interface EngineLink {
  /** The lease of the first attempt. */
  readonly lease: Held
  /** The engine's present address. */
  endpoint (): Endpoint
  /**
   * Waits for another lease. A request that is suspected of having killed its engine waits apart from others of its kind, or
   * from all. Returns a function that gives up.
   */
  renew (suspicion: Suspicion, answer: NextHold): () => void
  /** Loads what the request needs into its engine; undefined if it is there. Default: nothing is needed. */
  load? (): Promise<void> | undefined
  /** The answer that began while the request waited; undefined as long as nothing has been sent to the client. */
  begun (): AnswerSink | undefined
  /** Whether a request may be sent again after its engine died. */
  readonly replay: boolean
  /** Called when the request is sent, until `heard`: the gateway probes an engine that stays silent. */
  silent (): void
  heard (): void
  /** Called when the engine goes to sleep while the request is in flight, and when it is awake again. */
  frozen (frozen: boolean): void
  /** How long its client may read nothing while others wait for the GPU. */
  readonly stall: StallLimit
  /** Asks whether an engine that seems dead is alive. If it is not, the gateway treats it as dead from then on. */
  /** `held`: the part of the answer that has arrived and not been passed on. */
  examine (reason: string, head?: Head, held?: Buffer): Promise<boolean>
  /** Whether to examine the engine before passing on an answer that begins like this. Default: for 500 and 503. */
  suspects? (head: Head): boolean
  /** Whether the last attempt ended before an engine had the request: nothing is lost then, and it does not count. Default: no. */
  readonly unseen?: boolean
  /** Handles comments on an event stream that has had no event yet. Default: they are the first bytes of the answer. */
  comment? (head: Head, text: string): void
  /** The error that the client gets when the request is lost. Default: its engine died. */
  lost? (detail: string): LlmuxError
}

/** What a passage reports, for the record of its request. */
export interface PassageRecord {
  /** The request is on its way to its target: by `send`, with these headers or others in their place. */
  sending (headers: string[], send: (headers: string[]) => void): void
  /** The first byte of the answer is there. */
  answered (head: Head): void
  /** More of the answer has arrived. */
  passed (chunk: Buffer): void
  /** The target is done with it. */
  over (): void
  /** The answer is broken off, or is an error. */
  failed (error: LlmuxError): void
}

/** The client has disconnected. */
export class ClientLeftError extends Error {
  override message = 'the client has left'
}

/**
 * One request's passage to an engine, or to the fallback upstream, which needs no lease. It holds a lease until the last
 * byte has arrived or either side has broken.
 */
export class Passage {
  /** The route's path without any prefix, as the engine knows it. */
  readonly path: string
  /** What the client receives. */
  readonly response: ServerResponse
  readonly link: EngineLink | undefined
  readonly record: PassageRecord
  /**
   * The host's hooks and handlers find the request's context: not that of a caller that has made way for it, and not that of
   * the one that opened the connection, in which undici calls back.
   */
  readonly scope = new AsyncResource('llmux.Passage')
  /** The sink of the answer, once the answer has begun. */
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

  /** Why our side broke it; undefined if it did not. */
  get abortReason (): Error | undefined {
    return this.#abortReason
  }

  /** Calls back once the engine is awake and has what the request needs, or is to go without: nothing is sent to a sleeping engine. */
  ready (callback: (error?: Error) => void): void {
    if (this.#lease?.frozen === true) {
      this.#thawed = this.#stopWaiting = () => {
        this.#stopWaiting = this.#thawed = undefined
        this.scope.runInAsyncScope(() => this.#abortReason === undefined ? this.ready(callback) : callback())
      }
      return
    }
    const loading = this.link?.load?.()
    if (loading === undefined) callback()
    else this.#await(loading, callback)
  }

  #await (loading: Promise<void>, callback: (error?: Error) => void): void {
    let waits = true
    const go = (error?: Error) => {
      if (!waits) return
      waits = false
      this.#stopWaiting = undefined
      // The engine went to sleep before it was the turn of the load.
      if (error === undefined && this.#lease?.frozen === true && this.#abortReason === undefined) this.ready(callback)
      else callback(error)
    }
    this.#stopWaiting = () => go()
    loading.then(() => go(), go)
  }

  /** The request is on its way, and can be broken off from now on. */
  started (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#abortReason !== undefined) controller.abort(this.#abortReason)
  }

  /**
   * Breaks off the upstream request, which ends the engine's work on it, or the wait for another lease. Does nothing after
   * its end.
   */
  abort (reason: Error): void {
    if (this.#ended || this.#abortReason !== undefined) return
    this.#abortReason = reason
    this.#lease?.release()
    this.#stopWaiting?.(reason)
    this.#controller?.abort(reason)
  }

  /** Breaks the connection to the target as if the target had: a request without a byte may be sent again. */
  interrupt (reason: Error): void {
    this.#controller?.abort(reason)
  }

  /** The client has disconnected. */
  left (): void {
    // Nearly all clients disconnect when the answer has arrived: that is not worth an error.
    if (!this.#ended) this.abort(new ClientLeftError())
  }

  /** Counts the engine's answers. */
  passed (chunk: Buffer): void {
    this.record.passed(chunk)
    if (this.#lease !== undefined) this.#lease.output += chunk.length
  }

  /** The target is done with it. */
  end (): void {
    this.#ended = true
    this.record.over()
    this.#lease?.release()
  }

  /** Waits for a lease for the next attempt. */
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
