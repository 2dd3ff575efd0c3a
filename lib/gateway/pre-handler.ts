import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import type { ResolvedOptions } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import { unknownModel } from '../unknown-model.ts'
import type { Fallback } from './fallback.ts'
import { requestDetails } from './request-details.ts'
import type { DetailOptions } from './request-details.ts'
import type { WedgeWatch } from './wedge-watch.ts'
import type { RequestDetails } from '../switcher/admission.ts'
import type { Lease } from '../switcher/lease.ts'
import type { Comeback } from '../switcher/queue.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { isOver, whenOver } from './when-over.ts'
import { ClientLeftError, Passage } from './relay/passage.ts'
import type { EngineLink } from './relay/passage.ts'
import type { Errand, RelayOptions } from './relay/relay.ts'

export interface Gate {
  clock: Clock
  switcher: Switcher
  orchestrator: Orchestrator
  names: ResolvedOptions['names']
  /** Of all our routes, that of the scopes around them included. */
  prefix: string
  /** Whether a request may be sent again after its engine died. */
  replay: boolean
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

type Sent = FastifyRequest & { [kErrand]?: Errand }

/** What the hook has made of a request that it let through. */
export function errandOf (request: FastifyRequest): Errand {
  return (request as Sent)[kErrand]!
}

function setErrand (request: FastifyRequest, errand: Errand): void {
  const sent: Sent = request
  sent[kErrand] = errand
}

/** The hook that finds the model of a request and holds the request until the switcher has granted it a lease. */
export function preHandler (gate: Gate): RelayOptions['preHandler'] {
  return (request, reply, done) => {
    // Gone while a hook of the host's took its time: there is nobody to wait for.
    if (isOver(request, reply)) return reply.hijack()
    try {
      const { name, body } = request.llmux.choose()!
      const id = gate.names.get(name)
      if (id !== undefined) hold(gate, id, request, reply, body, done)
      else if (gate.fallback !== undefined) passOn(gate, gate.fallback, request, reply, done)
      else done(unknownModel(name))
    } catch (error) {
      done(error as Error)
    }
  }
}

function hold (gate: Gate, id: string, request: FastifyRequest, reply: FastifyReply, body: Buffer, done: Done): void {
  const since = gate.clock.now()
  const details = requestDetails(request, gate.details)
  let passage: Passage | undefined
  // Watched before anything can wait: whoever leaves in between is not missed.
  whenOver(request, reply, gate.switcher.atOnce, () => {
    leave()
    if (passage !== undefined) passage.abort(new ClientLeftError())
    // Still in the queue: there is nobody to answer any more.
    else if (!reply.sent) reply.hijack()
  })
  const leave = gate.switcher.request(id, body.length, {
    granted: lease => {
      passage = new Passage(pathOf(gate, request), reply.raw, engineLink(gate, lease, body.length, { since, ...details }))
      setErrand(request, { passage, body })
      done()
    },
    refused: done
  }, details)
}

type Origin = Pick<Comeback, 'since'> & Pick<RequestDetails, 'priority' | 'mayCauseSwitch'>

function engineLink ({ clock, switcher, orchestrator, replay, stalled, watchOf }: Gate, lease: Lease, bytes: number, { since, ...details }: Origin): EngineLink {
  const id = lease.model
  return {
    lease,
    replay,
    endpoint: () => orchestrator.endpoint(id),
    renew: (suspect, answer) => switcher.request(id, bytes, answer, { ...details, comeback: { since, suspect } }),
    silent: request => watchOf(id).add(request),
    heard: request => watchOf(id).delete(request),
    stall: { clock, limit: stalled(id), othersWait: () => switcher.contended(id) },
    examine: reason => orchestrator.examine(id, reason)
  }
}

/** For models that are not ours: no lease, and the body as it came. */
function passOn (gate: Gate, fallback: Fallback, request: FastifyRequest, reply: FastifyReply, done: Done): void {
  const passage = new Passage(pathOf(gate, request), reply.raw, fallback.endpoint)
  fallback.add(passage)
  whenOver(request, reply, gate.switcher.atOnce, () => {
    fallback.delete(passage)
    passage.abort(new ClientLeftError())
  })
  setErrand(request, { passage, body: request.body as Buffer })
  done()
}

/** Not what the client wrote but the route it was matched to: no spelling of a path leads anywhere else. */
function pathOf ({ prefix }: Gate, request: FastifyRequest): string {
  return request.routeOptions.url!.slice(prefix.length)
}
