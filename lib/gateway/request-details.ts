import type { FastifyRequest } from 'fastify'
import type { ResolvedOptions } from '../options/index.ts'
import { passiveHeader, priorityHeader } from './edge.ts'
import type { IsEdge } from './edge.ts'

export interface DetailOptions extends Pick<ResolvedOptions, 'priority' | 'mayCauseSwitch' | 'edgeKey'> {
  isEdge: IsEdge
}

/** What the switcher is to know of a request beside its model. */
export function requestDetails (request: FastifyRequest, options: DetailOptions) {
  const { priority, mayCauseSwitch, edgeKey, isEdge } = options
  // With an edge, it alone says so: its clients' headers do not get through it, and whoever goes round it is not believed.
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
