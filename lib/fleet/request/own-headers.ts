import type { FastifyRequest } from 'fastify'
import { edgeHeader, passiveHeader, priorityHeader, priorityOf } from '../../gateway/request-details.ts'
import { requestHeader } from '../../gateway/withdrawals.ts'
import type { OwnHeaders } from '../../gateway/relay/request-headers.ts'
import type { ResolvedFleetOptions } from '../options.ts'

const ours = new Set([edgeHeader, priorityHeader, passiveHeader, requestHeader])
const identities = new Set(['forwarded', 'x-real-ip', 'via'])

/** Headers of this edge, which no client can set. `name`: what the edge can take the request back by. */
export function ownHeaders (request: FastifyRequest, name: string, { edgeKey, priority, mayCauseSwitch, identity, conversationHeader }: ResolvedFleetOptions): OwnHeaders {
  const add = [requestHeader, name]
  if (edgeKey !== undefined) {
    add.push(edgeHeader, edgeKey)
    const given = priorityOf(request, priority)
    if (given !== undefined) add.push(priorityHeader, String(given))
    if (mayCauseSwitch?.(request) === false) add.push(passiveHeader, 'false')
  }
  const own = identity?.(request) ?? {}
  for (const [name, value] of Object.entries(own)) add.push(name.toLowerCase(), value)
  const replaced = new Set([...Object.keys(own).map(name => name.toLowerCase()), conversationHeader])
  return { add, drop: name => ours.has(name) || identities.has(name) || name.startsWith('x-forwarded-') || replaced.has(name) }
}
