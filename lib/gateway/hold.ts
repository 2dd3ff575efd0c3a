import { AsyncResource } from 'node:async_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { streamingRoutes } from '../options/index.ts'
import type { Endpoint } from '../orchestrator/driver.ts'
import type { LoraUse } from '../orchestrator/lora-loader.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Lease } from '../switcher/lease.ts'
import type { Answer, Comeback } from '../switcher/queue.ts'
import type { Switcher } from '../switcher/switcher.ts'
import type { ChosenModel } from './body/model-of-request.ts'
import { keepRecord, setErrand } from './errand.ts'
import type { Keeper } from './errand.ts'
import type { AnswerSink } from './relay/answer.ts'
import { Passage } from './relay/passage.ts'
import type { EngineLink, StallLimit, Suspicion } from './relay/passage.ts'
import { requestDetails } from './request-details.ts'
import type { DetailOptions } from './request-details.ts'
import type { RequestRecord } from './request-record.ts'
import { Wait } from './waiting/wait.ts'
import type { WaitOptions } from './waiting/wait.ts'
import type { WedgeWatch } from './wedge-watch.ts'
import { whenOver } from './when-over.ts'
import { nameOf } from './withdrawals.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface HoldContext extends Keeper {
  clock: Clock
  switcher: Switcher
  orchestrator: Orchestrator
  /** Whether a request may be sent again after its engine died. */
  replay: boolean
  /** Milliseconds between comments on a waiting client's event stream; false: no comments. */
  heartbeat: number | false
  /** `timeouts.stalled` of a model. */
  stalled: (id: string) => number
  /** Detects that an engine has stopped answering. */
  watchOf: (id: string) => WedgeWatch
  /** How to rank a request: its priority, and whether it may cause a switch. */
  details: DetailOptions
  /** Waiting requests of edges. */
  withdrawals: Withdrawals
}

export type Done = (error?: Error) => void

export interface HeldRequest {
  /** The engine's id. */
  id: string
  request: FastifyRequest
  reply: FastifyReply
  choice: ChosenModel
  /** Lets the request through, or refuses it. */
  done: Done
}

/** Holds one request until the switcher grants it a lease; from then on, its link to the lower floors. */
export class Hold implements EngineLink {
  /** The lease of its first attempt. */
  lease!: Lease
  readonly #context: HoldContext
  readonly #held: HeldRequest
  readonly #body: Buffer
  readonly #record: RequestRecord
  readonly #details: ReturnType<typeof requestDetails>
  /** The context of a waiting request: the host's hooks and handlers find it, not that of a caller that has made way for it. */
  #scope: AsyncResource | undefined
  #leave = () => {}
  /** Its edge can no longer take it back. */
  #settle = () => {}
  /** Its LoRA adapter, if that is loaded on request. */
  #adapter: LoraUse | undefined
  #wait: Wait | undefined
  #passage: Passage | undefined
  /** Waits with the client for the engine's first byte. */
  #watch: WedgeWatch | undefined

  constructor (context: HoldContext, held: HeldRequest) {
    const { id, request, reply, choice } = held
    this.#context = context
    this.#held = held
    this.#body = choice.body
    this.#record = keepRecord(context, request, reply, id, this.#body.length)
    this.#details = requestDetails(request, context.details)
  }

  begin (): void {
    const { request, reply } = this.#held
    // Watched before anything can wait, so that no disconnect is missed.
    whenOver(request, reply, this.#context.switcher.atOnce, () => this.#over())
    let waits = true
    const answered = (proceed: () => void) => {
      waits = false
      this.#settle()
      // Nearly all requests are answered at once, in their own context.
      this.#scope === undefined ? proceed() : this.#scope.runInAsyncScope(proceed)
    }
    this.#leave = this.#ask({
      granted: lease => answered(() => this.#granted(lease)),
      refused: error => answered(() => this.#refused(error))
    })
    if (!waits) return
    this.#scope = new AsyncResource('llmux.Hold')
    const { withdrawals, details } = this.#context
    const name = nameOf(request, details)
    if (name !== undefined) {
      this.#settle = withdrawals.add(name, error => {
        this.#leave()
        answered(() => this.#refused(error))
      })
    }
  }

  get replay (): boolean {
    return this.#context.replay
  }

  get stall (): StallLimit {
    const { clock, switcher, stalled } = this.#context
    return {
      clock,
      limit: stalled(this.#held.id),
      // The body is complete: nothing reads the request until it gets its lease.
      expired: () => this.#passage !== undefined && switcher.stalled(this.#passage.lease as Lease),
      over: () => { if (this.#passage !== undefined) switcher.readAgain(this.#passage.lease as Lease) }
    }
  }

  endpoint (): Endpoint {
    return this.#context.orchestrator.endpoint(this.#held.id)
  }

  begun (): AnswerSink | undefined {
    return this.#wait?.early
  }

  renew (suspicion: Suspicion, answer: Answer): () => void {
    const { since, waited } = this.lease
    return this.#ask(answer, { since: since - waited, ...suspicion })
  }

  load (): Promise<void> | undefined {
    const { id, choice: { name } } = this.#held
    // The model may have got another engine since the last attempt.
    this.#adapter?.release()
    this.#adapter = name === id ? undefined : this.#context.orchestrator.adapterFor(id, name)
    return this.#adapter?.load()
  }

  silent (): void {
    this.#watch = this.#context.watchOf(this.#held.id)
    this.#watch.add()
  }

  heard (): void {
    this.#watch?.remove()
    this.#watch = undefined
  }

  frozen (frozen: boolean): void {
    this.#record.frozen(frozen)
    if (!frozen) return this.#wait?.resumed()
    const { answer, scope } = this.#passage!
    // Before anything is sent to the engine, your hooks may run and answer themselves.
    if (answer === undefined ? this.#watch === undefined : !answer.eventStream) return
    this.#wait ??= new Wait(this.#held.reply, this.#waitOptions())
    const wait = this.#wait
    scope.runInAsyncScope(() => wait.paused(answer?.body))
  }

  async examine (reason: string): Promise<boolean> {
    return await this.#context.orchestrator.examine(this.#held.id, reason)
  }

  /** Asks for a lease, for the first time or again. Returns a function that gives up. */
  #ask ({ granted, refused }: Pick<Answer, 'granted' | 'refused'>, comeback?: Comeback): () => void {
    const { id, request } = this.#held
    const { priority, mayCauseSwitch } = this.#details
    const record = this.#record
    record.waits()
    return this.#context.switcher.request(id, this.#body.length, {
      granted: lease => {
        record.granted(lease.since)
        granted(lease)
      },
      refused,
      waiting: waiter => {
        record.queued()
        this.#wait ??= new Wait(this.#held.reply, this.#waitOptions())
        this.#wait.queued(waiter)
      }
    }, { priority, mayCauseSwitch, comeback, request: request.id })
  }

  #granted (lease: Lease): void {
    const { request, reply, done } = this.#held
    this.lease = lease
    this.#passage = new Passage(request.llmux.path, reply.raw, this, this.#record)
    setErrand(request, { passage: this.#passage, body: this.#body })
    const early = this.begun()
    if (early === undefined) done()
    else proceed(request, reply, early)
  }

  #refused (error: Error): void {
    const early = this.begun()
    if (early === undefined) this.#held.done(error)
    else early.fail(error)
  }

  #over (): void {
    const { reply } = this.#held
    this.#record.end()
    this.#adapter?.release()
    this.#wait?.resumed()
    this.#settle()
    this.#leave()
    if (this.#passage !== undefined) this.#passage.left()
    // Still in the queue: there is nobody to answer any more.
    else if (this.begun() === undefined && !reply.sent) reply.hijack()
  }

  #waitOptions (): WaitOptions {
    const { clock, switcher, heartbeat } = this.#context
    const { id, request, choice } = this.#held
    const { path } = request.llmux
    const streams = heartbeat !== false && streamingRoutes.has(path) && choice.streams
    return { model: id, path, clock, switcher, stall: this.stall, heartbeat: streams ? heartbeat : false, failed: error => this.#record.failed(error) }
  }
}

/** After the hooks Fastify calls the handler, but not if an answer has already begun. */
function proceed (request: FastifyRequest, reply: FastifyReply, early: AnswerSink): void {
  try {
    request.routeOptions.handler.call(request.server, request, reply)
  } catch (error) {
    early.fail(error as Error)
  }
}
