import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { ResolvedOptions } from '../options/index.ts'

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

/** The key of an edge, and what the edge says about a request. */
export const edgeHeader = 'x-llmux-edge'
export const priorityHeader = 'x-llmux-priority'
export const passiveHeader = 'x-llmux-may-cause-switch'

/** Whether a request comes from a trusted edge. */
export type IsEdge = (request: FastifyRequest) => boolean

/** Digests have equal length, so the time taken reveals nothing about the key. */
export function edgeTest (key: string | undefined): IsEdge {
  if (key === undefined) return () => false
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(key)
  return ({ headers }) => headers[edgeHeader] !== undefined && timingSafeEqual(digest(String(headers[edgeHeader])), expected)
}
