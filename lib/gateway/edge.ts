import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

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
