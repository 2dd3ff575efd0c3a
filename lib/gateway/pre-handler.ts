import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import type { Directory } from '../directory.ts'
import { streamingRoutes } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import { unknownModel } from '../unknown-model.ts'
import type { ChosenModel } from './body/model-of-request.ts'
import type { Fallback } from './fallback.ts'
import { requestDetails } from './request-details.ts'
import type { DetailOptions } from './request-details.ts'
import { Wait } from './waiting/wait.ts'
import type { WaitOptions } from './waiting/wait.ts'
import type { WedgeWatch } from './wedge-watch.ts'
import type { Lease } from '../switcher/lease.ts'
import type { Answer, Comeback } from '../switcher/queue.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { RequestRecord } from './request-record.ts'
import type { Recorder } from './request-record.ts'
import { isOver, whenOver } from './when-over.ts'
import type { AnswerSink } from './relay/answer.ts'
import { ClientLeftError, Passage } from './relay/passage.ts'
import type { EngineLink, StallLimit } from './relay/passage.ts'
import type { Errand, RelayOptions } from './relay/relay.ts'

export interface Gate {
  clock: Clock
  recorder: Recorder
  switcher: Switcher
  orchestrator: Orchestrator
  directory: Directory
  /** Of all our routes, that of the scopes around them included. */
  prefix: string
  /** Whether a request may be sent again after its engine died. */
  replay: boolean
  /** From one comment on a waiting client's event stream to the next, in milliseconds; false: none. */
  heartbeat: number | false
  /** `timeouts.stalled` of a model. */
  stalled: (id: string) => number
  /** What finds out that an engine has stopped answering. */
  watchOf: (id: string) => WedgeWatch
  /** What requests are told apart by. */
  details: DetailOptions
  /** Where requests for models that are not ours go. */
  fallback: Fallback | undefined
}

type Done = (error?: Error) => void

// Not in a WeakMap: with an entry for each request that makes collecting garbage several times as dear.
const kErrand = Symbol('llmux.errand')

const kRecord = Symbol('llmux.record')

type Sent = FastifyRequest & { [kErrand]?: Errand, [kRecord]?: RequestRecord }

/** What the hook has made of a request that it let through. */
export function errandOf (request: FastifyRequest): Errand {
  return (request as Sent)[kErrand]!
}

function setErrand (request: FastifyRequest, errand: Errand): void {
  const sent: Sent = request
  sent[kErrand] = errand
}

/** What is known of a request so far, from when it is sure to be one of ours; told when it is over. */
export function recordOf (gate: Pick<Gate, 'recorder' | 'prefix' | 'switcher'>, request: FastifyRequest, reply: FastifyReply): RequestRecord {
  const sent: Sent = request
  if (sent[kRecord] !== undefined) return sent[kRecord]
  const record = keepRecord(gate, request, reply, undefined, 0)
  whenOver(request, reply, gate.switcher.atOnce, () => record.end())
  return record
}

function keepRecord (gate: Pick<Gate, 'recorder' | 'prefix'>, request: FastifyRequest, reply: FastifyReply, model: string | undefined, received: number): RequestRecord {
  const sent: Sent = request
  const record = new RequestRecord(gate.recorder, request, reply, { model, route: pathOf(gate, request), received })
  sent[kRecord] = record
  return record
}

/** The hook that finds the model of a request and holds the request until the switcher has granted it a lease. */
export function preHandler (gate: Gate): RelayOptions['preHandler'] {
  return (request, reply, done) => {
    // Gone while a hook of the host's took its time: there is nobody to wait for.
    if (isOver(request, reply)) return reply.hijack()
    try {
      const choice = request.llmux.choose()!
      const id = gate.directory.names.get(choice.name)
      if (id !== undefined) hold(gate, id, request, reply, choice, done)
      else if (gate.fallback !== undefined) passOn(gate, gate.fallback, request, reply, done)
      else done(unknownModel(choice.name))
    } catch (error) {
      done(error as Error)
    }
  }
}

function hold (gate: Gate, id: string, request: FastifyRequest, reply: FastifyReply, choice: ChosenModel, done: Done): void {
  const since = gate.clock.now()
  const { body } = choice
  const record = keepRecord(gate, request, reply, id, body.length)
  const wait = new Wait(reply, () => waitOptions(gate, id, request, choice, record))
  let passage: Passage | undefined
  // Watched before anything can wait: whoever leaves in between is not missed.
  whenOver(request, reply, gate.switcher.atOnce, () => {
    record.end()
    leave()
    if (passage !== undefined) passage.abort(new ClientLeftError())
    // Still in the queue: there is nobody to answer any more.
    else if (wait.early === undefined && !reply.sent) reply.hijack()
  })
  const ask = asker(gate, id, request, body.length, record, wait)
  const leave = ask({
    granted: lease => {
      passage = new Passage(pathOf(gate, request), reply.raw, engineLink(gate, lease, since, ask, wait), record)
      setErrand(request, { passage, body })
      if (wait.early === undefined) done()
      else proceed(request, reply, wait.early)
    },
    refused: error => wait.early === undefined ? done(error) : wait.early.fail(error)
  })
}

/** Asks for a lease, the first time or again. Returns how to give up. */
type Ask = (answer: Pick<Answer, 'granted' | 'refused'>, comeback?: Comeback) => () => void

function asker (gate: Gate, id: string, request: FastifyRequest, bytes: number, record: RequestRecord, wait: Wait): Ask {
  const details = requestDetails(request, gate.details)
  return ({ granted, refused }, comeback) => {
    record.waits()
    return gate.switcher.request(id, bytes, {
      granted: lease => {
        record.granted()
        granted(lease)
      },
      refused,
      waiting: waiter => wait.queued(waiter)
    }, { ...details, comeback, request: request.id })
  }
}

/** After the hooks Fastify calls the handler, but not if an answer has begun meanwhile. */
function proceed (request: FastifyRequest, reply: FastifyReply, early: AnswerSink): void {
  try {
    request.routeOptions.handler.call(request.server, request, reply)
  } catch (error) {
    early.fail(error as Error)
  }
}

function waitOptions (gate: Gate, model: string, request: FastifyRequest, choice: ChosenModel, record: RequestRecord): WaitOptions {
  const { clock, switcher, heartbeat } = gate
  const path = pathOf(gate, request)
  const streams = heartbeat !== false && streamingRoutes.has(path) && choice.streams
  return { model, path, clock, switcher, stall: stallLimit(gate, model), heartbeat: streams ? heartbeat : false, failed: error => record.failed(error) }
}

function engineLink (gate: Gate, lease: Lease, since: number, ask: Ask, wait: Wait): EngineLink {
  const { orchestrator, replay, watchOf } = gate
  const id = lease.model
  const watch = watchOf(id)
  return {
    lease,
    replay,
    endpoint: () => orchestrator.endpoint(id),
    begun: () => wait.early,
    renew: (suspect, answer) => ask(answer, { since, suspect }),
    silent: request => watch.add(request),
    heard: request => watch.delete(request),
    stall: stallLimit(gate, id),
    examine: reason => orchestrator.examine(id, reason)
  }
}

function stallLimit ({ clock, switcher, stalled }: Gate, id: string): StallLimit {
  return { clock, limit: stalled(id), othersWait: () => switcher.contended(id) }
}

/** For models that are not ours: no lease, and the body as it came. */
function passOn (gate: Gate, fallback: Fallback, request: FastifyRequest, reply: FastifyReply, done: Done): void {
  const body = request.body as Buffer
  const record = keepRecord(gate, request, reply, undefined, body.length)
  const passage = new Passage(pathOf(gate, request), reply.raw, fallback.endpoint, record)
  fallback.add(passage)
  whenOver(request, reply, gate.switcher.atOnce, () => {
    record.end()
    fallback.delete(passage)
    passage.abort(new ClientLeftError())
  })
  setErrand(request, { passage, body })
  done()
}

/** Not what the client wrote but the route it was matched to: no spelling of a path leads anywhere else. */
function pathOf ({ prefix }: Pick<Gate, 'prefix'>, request: FastifyRequest): string {
  return request.routeOptions.url!.slice(prefix.length)
}
