import type { FastifyInstance } from 'fastify'
import { llmuxOf } from '../host/registered.ts'
import type { PauseKind } from '../switcher/controls.ts'
import { pauseSchema, pinSchema, plainSchema, statusSchema } from './schemas.ts'

/** What concerns all models. Each answers with the status. */
export function controlRoutes (scope: FastifyInstance): void {
  const llmux = llmuxOf(scope)

  scope.get('/status', { schema: statusSchema }, async () => llmux.status())

  scope.post<{ Body: { model: string } }>('/pin', { schema: pinSchema }, async ({ body }) => {
    llmux.pin(body.model)
    return llmux.status()
  })

  scope.post('/unpin', { schema: plainSchema('Leave it to the policy again') }, async () => {
    llmux.unpin()
    return llmux.status()
  })

  scope.post<{ Body: { what: PauseKind } }>('/pause', { schema: pauseSchema }, async ({ body }) => {
    llmux.pause(body)
    return llmux.status()
  })

  scope.post('/resume', { schema: plainSchema('End a pause') }, async () => {
    llmux.resume()
    return llmux.status()
  })
}
