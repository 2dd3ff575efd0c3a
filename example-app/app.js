import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import llmuxMetrics from 'fastify-llmux/metrics'
import { Registry } from 'prom-client'
import { admin } from './admin.js'
import auth from './auth.js'
import errors from './errors.js'
import { llmuxOptions } from './models.js'

/**
 * A gateway as a team would have it: keys, a limit per key, the models, and routes for operators.
 * @param {import('./config.js').Config} config
 */
export async function buildApp (config) {
  const { keys, adminKey, requestsPerMinute, logLevel } = config
  const app = Fastify({ logger: { level: logLevel } })
  await app.register(errors)
  await app.register(auth, { keys, adminKey, requestsPerMinute })
  await app.register(llmux, await llmuxOptions(config, app))
  // A registry of its own: there may be several apps in one process.
  await app.register(llmuxMetrics, { registry: new Registry() })
  await app.register(admin, { prefix: '/admin' })
  return app
}
