import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { readinessOf } from '../host/registered.ts'

/**
 * For Kubernetes's probes and the like. `GET live`: the process answers; engines do not matter, since the gateway restarts
 * them. `GET ready`: a model can be served; otherwise send requests elsewhere.
 */
async function health (scope: FastifyInstance): Promise<void> {
  const readiness = readinessOf(scope)
  scope.get('/live', { logLevel: 'warn' }, async () => ({ status: 'ok' }))

  scope.get('/ready', { logLevel: 'warn' }, async (_request, reply) => {
    const { ready, reason, obstacles } = readiness()
    if (ready) return { status: 'ok', ...(obstacles && { obstacles }) }
    return reply.code(503).send({ status: 'not ready', reason })
  })
}

/** `GET live` and `GET ready`, for Kubernetes and the like. Register it after llmux, with a `prefix`. */
const plugin = fp(health, { fastify: '5.x', name: 'fastify-llmux-health', encapsulate: true })

export default plugin

export { health }
