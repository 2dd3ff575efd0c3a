import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AtOnce } from './when-over.ts'
import { whenOver } from './when-over.ts'
import type { Errand } from './relay/relay.ts'
import { RequestRecord } from './request-record.ts'
import type { Recorder } from './request-record.ts'

/** What every request of ours is kept in mind with. */
export interface Keeper {
  recorder: Recorder
  /** Of all our routes, that of the scopes around them included. */
  prefix: string
}

// Not in a WeakMap: with an entry for each request that makes collecting garbage several times as dear.
const kErrand = Symbol('llmux.errand')

const kRecord = Symbol('llmux.record')

type Sent = FastifyRequest & { [kErrand]?: Errand, [kRecord]?: RequestRecord }

/** What the hook has made of a request that it let through. */
export function errandOf (request: FastifyRequest): Errand {
  return (request as Sent)[kErrand]!
}

export function setErrand (request: FastifyRequest, errand: Errand): void {
  const sent: Sent = request
  sent[kErrand] = errand
}

/** What is known of a request so far, from when it is sure to be one of ours; told when it is over. */
export function recordOf (keeper: Keeper & { atOnce: AtOnce }, request: FastifyRequest, reply: FastifyReply): RequestRecord {
  const sent: Sent = request
  if (sent[kRecord] !== undefined) return sent[kRecord]
  const record = keepRecord(keeper, request, reply, undefined, 0)
  whenOver(request, reply, keeper.atOnce, () => record.end())
  return record
}

export function keepRecord (keeper: Keeper, request: FastifyRequest, reply: FastifyReply, model: string | undefined, received: number): RequestRecord {
  const sent: Sent = request
  const record = new RequestRecord(keeper.recorder, request, reply, { model, route: pathOf(keeper, request), received })
  sent[kRecord] = record
  return record
}

/** Not what the client wrote but the route it was matched to: no spelling of a path leads anywhere else. */
export function pathOf ({ prefix }: Pick<Keeper, 'prefix'>, request: FastifyRequest): string {
  return request.routeOptions.url!.slice(prefix.length)
}
