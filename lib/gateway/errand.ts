import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AtOnce } from './when-over.ts'
import { whenOver } from './when-over.ts'
import type { Errand } from './relay/relay.ts'
import { RequestRecord } from './request-record.ts'
import type { Recorder } from './request-record.ts'

/** What the gateway keeps for every request. */
export interface Keeper {
  recorder: Recorder
}

// Not in a WeakMap: one entry per request makes garbage collection several times as expensive.
const kErrand = Symbol('llmux.errand')

const kRecord = Symbol('llmux.record')

type Sent = FastifyRequest & { [kErrand]?: Errand, [kRecord]?: RequestRecord }

/** The result of the hook, for a request that it let through. */
export function errandOf (request: FastifyRequest): Errand {
  return (request as Sent)[kErrand]!
}

export function setErrand (request: FastifyRequest, errand: Errand): void {
  const sent: Sent = request
  sent[kErrand] = errand
}

/** The record of a request, from the moment when it is known to be llmux's; reported at its end. */
export function recordOf (keeper: Keeper & { atOnce: AtOnce }, request: FastifyRequest, reply: FastifyReply): RequestRecord {
  const sent: Sent = request
  if (sent[kRecord] !== undefined) return sent[kRecord]
  const record = keepRecord(keeper, request, reply, undefined, 0)
  whenOver(request, reply, keeper.atOnce, () => record.end())
  return record
}

export function keepRecord ({ recorder }: Keeper, request: FastifyRequest, reply: FastifyReply, model: string | undefined, received: number): RequestRecord {
  const sent: Sent = request
  const record = new RequestRecord(recorder, request, reply, { model, route: request.llmux.path, received })
  sent[kRecord] = record
  return record
}
