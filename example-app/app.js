import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import health from 'fastify-llmux/health'
import llmuxMetrics from 'fastify-llmux/metrics'
import { Registry } from 'prom-client'
import { admin } from './admin.js'
import auth from './auth.js'
import errors from './errors.js'
import { llmuxOptions } from './models.js'

/** The document of all routes, at /admin/openapi.json. */
const openapi = {
  openapi: '3.1.0',
  info: { title: 'The example gateway', version: '1.0.0' },
  components: { securitySchemes: { key: { type: /** @type {const} */ ('http'), scheme: 'bearer', description: 'A team\'s key for the models, the operators\' for /admin' } } },
  security: [{ key: [] }]
}

/**
 * A gateway as a team would have it: keys, a limit per key, the models, and routes for operators.
 * @param {import('./config.js').Config} config
 */
export async function buildApp (config) {
  const { keys, adminKey, requestsPerMinute, logLevel } = config
  const app = Fastify({ logger: { level: logLevel } })
  await app.register(errors)
  await app.register(auth, { keys, adminKey, requestsPerMinute })
  // Before the routes that it is to describe.
  await app.register(swagger, { hideUntagged: true, openapi })
  await app.register(llmux, await llmuxOptions(config, app))
  // A registry of its own: there may be several apps in one process.
  const registry = new Registry()
  await app.register(llmuxMetrics, { registry })
  await app.register(admin, { prefix: '/admin', adminKey, registry })
  await app.register(health, { prefix: '/health' })
  return app
}
