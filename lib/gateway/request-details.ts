import type { FastifyRequest } from 'fastify'
import type { ResolvedOptions } from '../options/index.ts'

export type DetailOptions = Pick<ResolvedOptions, 'priority' | 'mayCauseSwitch'>

/** What the switcher is to know of a request beside its model. */
export function requestDetails (request: FastifyRequest, { priority, mayCauseSwitch }: DetailOptions) {
  return { priority: priorityOf(request, priority), mayCauseSwitch: mayCauseSwitch?.(request) ?? true }
}

function priorityOf (request: FastifyRequest, priority: DetailOptions['priority']): number | undefined {
  if (priority === false) return undefined
  return priority === true ? Number(request.headers['x-llmux-priority'] ?? 0) : priority(request)
}
