import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../clock.ts'
import { FleetFullError, LlmuxError, NoNodeError, NodeLostError } from '../../errors.ts'
import type { ChosenModel } from '../../gateway/body/model-of-request.ts'
import { errorHeader } from '../../gateway/error-answer.ts'
import { keepRecord, setErrand } from '../../gateway/errand.ts'
import type { Keeper } from '../../gateway/errand.ts'
import type { AnswerSink, Head } from '../../gateway/relay/answer.ts'
import { Passage } from '../../gateway/relay/passage.ts'
import type { EngineLink, NextHold, StallLimit } from '../../gateway/relay/passage.ts'
import type { RequestRecord } from '../../gateway/request-record.ts'
import { EarlyAnswer } from '../../gateway/waiting/early-answer.ts'
import { estimateHeader, positionHeader } from '../../gateway/waiting/wait.ts'
import { whenOver } from '../../gateway/when-over.ts'
import { wakeFailures } from '../../start-causes.ts'
import type { FleetEvents } from '../events.ts'
import type { NodeLease } from '../nodes/node-lease.ts'
import type { Node } from '../nodes/node.ts'
import type { Nodes } from '../nodes/nodes.ts'
import type { ResolvedFleetOptions } from '../options.ts'
import type { RetryBudget } from './budget.ts'
import { conversationOf } from './conversation.ts'
import { ownHeaders } from './own-headers.ts'

export interface FleetContext {
  options: ResolvedFleetOptions
  clock: Clock
  events: FleetEvents
  nodes: Nodes
  budget: RetryBudget
  recorder: Omit<Keeper['recorder'], 'events'>
}

/** What a node says before any engine has seen the request, and that another node need not say. */
const elsewhere = new Set([
  ...wakeFailures, 'CLOSING', 'DRAINING', 'WITHDRAWN', 'QUEUE_FULL', 'MODEL_NOT_FOUND', 'MODEL_DISABLED', 'HEALTH_TIMEOUT', 'UNAUTHORIZED'
].map(name => `LLMUX_ERR_${name}`))

/** Unique among all edges. */
const prefix = randomUUID()
let count = 0
const nextName = () => `${prefix}-${++count}`

/** A node that has sent nothing but comments has its own time for the next one. Milliseconds. */
const never = 2 ** 31 - 1

/** One request at an edge: on one node, and on another one if the first gives no byte of an answer. */
export class FleetRequest implements EngineLink {
  lease!: NodeLease
  readonly replay = true
  unseen = false
  readonly #context: FleetContext
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #model: string
  /** What the edge can take it back by. */
  readonly #name = nextName()
  readonly #record: RequestRecord
  readonly #body: Buffer
  #node: Node | undefined
  #passage: Passage | undefined
  #early: EarlyAnswer | undefined
  #comment = ''
  readonly #refusedBy = new Set<Node>()
  /** Seconds, the least that any node has named. */
  #retryAfter = Infinity
  #retried = false
  /** The node has given it back. */
  #withdrawn = false
  #reason = ''

  constructor (context: FleetContext, request: FastifyRequest, reply: FastifyReply, { choice, model }: { choice: ChosenModel, model: string }) {
    this.#context = context
    this.#request = request
    this.#reply = reply
    this.#model = model
    this.#body = choice.body
    const { clock, events } = context
    const recorder = { ...context.recorder, clock, events: events.ends(() => this.#node?.name) }
    this.#record = keepRecord({ recorder }, request, reply, model, choice.body.length)
    context.budget.earn()
  }

  begin (done: (error?: Error) => void): void {
    const request = this.#request
    whenOver(request, this.#reply, change => change(), () => {
      this.#record.end()
      this.#passage?.left()
    })
    const node = this.#choose()
    if (node instanceof Error) return done(node)
    this.#take(node)
    this.#passage = new Passage(request.llmux.path, this.#reply.raw, this, this.#record)
    setErrand(request, { passage: this.#passage, body: this.#body, prefix: this.#context.options.nodePrefix, headers: ownHeaders(request, this.#name, this.#context.options) })
    done()
  }

  endpoint () {
    return this.#node!.endpoint
  }

  begun (): AnswerSink | undefined {
    return this.#early
  }

  /** To the node that it moves to, or to one that has not had it yet, or to the same if there is no other and only the connection broke. */
  renew (_suspicion: unknown, { granted, refused }: NextHold): () => void {
    const from = this.#node!
    const moves = this.#withdrawn
    const node = moves ? this.#target() : this.#next()
    if (node instanceof Error) refused(node)
    else {
      const { events, clock } = this.#context
      const change = { time: clock.now(), request: this.#request.id, model: this.#model, from: from.name, to: node.name }
      if (moves) events.emit('move', change)
      else events.emit('retry', { ...change, reason: this.#reason })
      this.#take(node)
      granted(this.lease)
    }
    return () => {}
  }

  silent (): void {}

  heard (): void {
    this.lease.silent = false
  }

  frozen (): void {}

  get stall (): StallLimit {
    // Whether its client is to be cut is the node's to say, which reads no faster than we do.
    return { clock: this.#context.clock, limit: 60_000, expired: () => false, over: () => {} }
  }

  suspects ({ headers }: Head): boolean {
    this.#node!.answered()
    this.lease.silent = false
    return elsewhere.has(String(headers[errorHeader]))
  }

  /** Whether the node's answer is passed on, or without one whether the node is still there: then the request has only one more try. */
  async examine (reason: string, head?: Head, held?: Buffer): Promise<boolean> {
    if (head === undefined) {
      this.#reason = reason
      return await this.#node!.outlives(reason)
    }
    const [, name] = /"code":"(closing|draining|withdrawn)"/.exec(held?.toString('latin1') ?? '') ?? []
    const code = head.headers[errorHeader] ?? (name === undefined || this.lease.heardAt !== undefined ? undefined : `LLMUX_ERR_${name.toUpperCase()}`)
    if (code === undefined) return true
    if (code === 'LLMUX_ERR_WITHDRAWN') {
      this.#withdrawn = this.unseen = true
      return false
    }
    this.#reason = `it answered ${String(code)}`
    this.#refusedBy.add(this.#node!)
    if (head.statusCode === 429) {
      this.#retryAfter = Math.min(this.#retryAfter, Number(head.headers['retry-after'] ?? 1))
      this.unseen = true
      return false
    }
    this.unseen = !(this.#choose() instanceof Error)
    return !this.unseen
  }

  comment ({ headers }: Head, text: string): void {
    // Nothing but comments has come: it waits still.
    this.lease.silent = true
    this.#comment = text.slice(1).split('\n', 1)[0]!.trim()
    if (this.#early !== undefined) return this.#early.beat()
    for (const name of [positionHeader, estimateHeader]) if (headers[name] !== undefined) this.#reply.header(name, headers[name])
    this.#early = new EarlyAnswer(this.#reply, {
      model: this.#model,
      path: this.#passage!.path,
      clock: this.#context.clock,
      interval: never,
      stall: this.stall,
      comment: () => this.#comment,
      failed: error => this.#record.failed(error)
    })
  }

  lost (detail: string): LlmuxError {
    return new NodeLostError(this.#node!.name, detail)
  }

  #take (node: Node): void {
    this.#node = node
    this.#withdrawn = this.unseen = false
    this.lease = node.lease(this.#model, this.#name)
    this.lease.interrupt = reason => this.#passage?.interrupt(reason)
  }

  /** Where it goes when the node has given it back. */
  #target (): Node | LlmuxError {
    const { moving } = this.lease
    return moving?.up === true ? moving : this.#choose()
  }

  #next (): Node | Error {
    const { budget } = this.#context
    const failed = this.#refusedBy.has(this.#node!) ? undefined : this.#node!
    this.#refusedBy.add(this.#node!)
    const full = () => this.#retryAfter < Infinity ? this.#full() : undefined
    // A node that is gone loses what it has only once. One that stays may fail again and again: the budget is for those, and a request has one more try.
    if (failed?.up !== false) {
      if ((failed !== undefined && this.#retried) || !budget.spend()) return full() ?? this.lost(this.#reason)
      this.#retried ||= failed !== undefined
    }
    const other = this.#choose()
    if (!(other instanceof Error)) return other
    if (failed?.up === true) return failed
    return full() ?? (other instanceof NoNodeError ? this.lost(this.#reason) : other)
  }

  #full (): LlmuxError {
    const error: LlmuxError = new FleetFullError(this.#model)
    const waits = this.#context.nodes.up.flatMap(({ models }) => models.filter(({ id, full }) => id === this.#model && full).map(({ serviceTime, maxConcurrency }) => serviceTime / maxConcurrency / 1_000))
    error.retryAfter = Math.min(this.#retryAfter, ...waits)
    return error
  }

  #choose (): Node | LlmuxError {
    const { nodes, options } = this.#context
    const model = this.#model
    const up = nodes.up.filter(node => !this.#refusedBy.has(node))
    const body = this.#body
    const request = this.#request
    const name = options.choose({
      model,
      nodes: up,
      // Looked for only where there is something to choose.
      get conversation () { return up.length < 2 ? undefined : conversationOf(request, body, options.conversationHeader) }
    })
    const node = name === undefined ? undefined : up.find(node => node.name === name)
    if (node !== undefined) return node
    const states = up.flatMap(({ models }) => models.filter(({ id }) => id === model))
    if (states.some(({ full }) => full)) return this.#full()
    return new NoNodeError(model, states.find(({ obstacle }) => obstacle !== undefined)?.obstacle ?? (nodes.up.length === 0 ? 'no node is there' : 'none that is there has it'))
  }
}
