import type { FastifyRequest } from 'fastify'
import type { ResolvedOptions } from '../options/index.ts'
import { passiveHeader, priorityHeader } from './edge.ts'
import type { IsEdge } from './edge.ts'

export interface DetailOptions extends Pick<ResolvedOptions, 'priority' | 'mayCauseSwitch' | 'edgeKey'> {
  isEdge: IsEdge
}

/** What the switcher needs to know of a request besides its model. */
export function requestDetails (request: FastifyRequest, options: DetailOptions) {
  const { priority, mayCauseSwitch, edgeKey, isEdge } = options
  // With an edge, only the edge says so: it does not pass its clients' headers on, and requests that bypass it are not trusted.
  if (isEdge(request)) return { priority: headerPriority(request), mayCauseSwitch: request.headers[passiveHeader] !== 'false' }
  const believed = edgeKey === undefined || priority !== true
  return { priority: believed ? priorityOf(request, priority) : undefined, mayCauseSwitch: mayCauseSwitch?.(request) ?? true }
}

export function priorityOf (request: FastifyRequest, priority: DetailOptions['priority']): number | undefined {
  if (priority === false) return undefined
  return priority === true ? headerPriority(request) : priority(request)
}

function headerPriority ({ headers }: FastifyRequest): number {
  return Number(headers[priorityHeader] ?? 0)
}
