import type { FastifyInstance } from 'fastify'
import { llmuxOf } from '../host/registered.ts'
import type { PauseKind } from '../switcher/controls.ts'
import type { Operations } from './operations.ts'
import { drainSchema, pauseSchema, pinSchema, plainSchema, statusSchema } from './schemas.ts'

/** Routes that concern all models. Each answers with the status. */
export function controlRoutes (scope: FastifyInstance, operations: Operations): void {
  const llmux = llmuxOf(scope)

  scope.get('/status', { schema: statusSchema }, async () => llmux.status())

  scope.post<{ Body: { model: string } }>('/pin', { schema: pinSchema }, async ({ body }) => {
    llmux.pin(body.model)
    return llmux.status()
  })

  scope.post<{ Querystring: { wait?: string } }>('/drain', { schema: drainSchema }, async ({ query }, reply) =>
    await operations.answer(operations.begin('drain', '', () => llmux.drain()), { prefix: scope.prefix, reply, wait: query.wait === 'true' }))

  scope.post('/undrain', { schema: plainSchema('Accept requests again') }, async () => {
    llmux.undrain()
    return llmux.status()
  })

  scope.post('/unpin', { schema: plainSchema('Remove the pins') }, async () => {
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
