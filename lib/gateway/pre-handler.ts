import type { FastifyReply, FastifyRequest } from 'fastify'
import { unknownModel } from '../directory.ts'
import type { Directory } from '../directory.ts'
import { RouteNotServedError } from '../errors.ts'
import { keepRecord, setErrand } from './errand.ts'
import type { Fallback } from './fallback.ts'
import { Hold } from './hold.ts'
import type { Done, HoldContext } from './hold.ts'
import { Passage } from './relay/passage.ts'
import type { RelayOptions } from './relay/relay.ts'
import { isOver, whenOver } from './when-over.ts'

export interface Gate extends HoldContext {
  directory: Directory
  /** The target of requests for models that are not in `models`. */
  fallback: Fallback | undefined
}

/** The hook that finds the model of a request and holds the request until the switcher has granted it a lease. */
export function preHandler (gate: Gate): RelayOptions['preHandler'] {
  return (request, reply, done) => {
    // The client left while one of your hooks ran: there is nothing to wait for.
    if (isOver(request, reply)) return reply.hijack()
    try {
      const choice = request.llmux.choose()!
      const id = gate.directory.names.get(choice.name)
      if (id !== undefined) {
        checkRoute(gate, id, request)
        new Hold(gate, { id, request, reply, choice, done }).begin()
      } else if (gate.fallback !== undefined) passOn(gate, gate.fallback, request, reply, done)
      else done(unknownModel(choice.name))
    } catch (error) {
      done(error as Error)
    }
  }
}

/** No model goes to sleep for a request that the engine would refuse. */
function checkRoute (gate: Gate, id: string, request: FastifyRequest): void {
  const engine = gate.directory.find(id)?.engine
  if (engine?.routes === undefined) return
  const route = request.llmux.path.split('?', 1)[0]!
  if (!engine.routes.includes(route)) throw new RouteNotServedError(id, route, engine.name)
}

/** For models that are not in `models`: no lease, and the body unchanged. */
function passOn (gate: Gate, fallback: Fallback, request: FastifyRequest, reply: FastifyReply, done: Done): void {
  const body = request.body as Buffer
  const record = keepRecord(gate, request, reply, undefined, body.length)
  const passage = new Passage(request.llmux.path, reply.raw, fallback.endpoint, record)
  fallback.add(passage)
  whenOver(request, reply, gate.switcher.atOnce, () => {
    record.end()
    fallback.delete(passage)
    passage.left()
  })
  setErrand(request, { passage, body })
  done()
}
