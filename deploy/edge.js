// An edge in front of the nodes of kubernetes-fleet.yaml. All of it comes from the environment.
import bearerAuth from '@fastify/bearer-auth'
import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import fleet, { fleetAdmin, fleetMetrics } from 'fastify-llmux/fleet'
import health from 'fastify-llmux/health'
import { fleetPage } from 'fastify-llmux/page'
import { Registry } from 'prom-client'

const { API_KEYS = '', ADMIN_KEY, NODE_ADMIN_KEY, NODE_API_KEY, EDGE_KEY, NODES_DNS, NODES_PORT = '3000', PORT = '3000', METRICS_PORT = '9090', HOST = '0.0.0.0' } = process.env

const app = Fastify({ logger: true })
await app.register(bearerAuth, { keys: new Set(API_KEYS.split(',').filter(Boolean)), addHook: false })
app.addHook('onRequest', (request, reply, done) => {
  // Whoever probes has no key, and operators have one of their own.
  if (/^\/(health|admin)\//.test(request.routeOptions.url ?? '')) done()
  else app.verifyBearerAuth(request, reply, done)
})
await app.register(fleet, { nodes: { dns: NODES_DNS, port: Number(NODES_PORT) }, adminKey: NODE_ADMIN_KEY, key: NODE_API_KEY, edgeKey: EDGE_KEY })
const registry = new Registry()
await app.register(fleetMetrics, { registry })
await app.register(fleetAdmin, { prefix: '/admin', guard: ADMIN_KEY })
await app.register(fleetPage, { prefix: '/admin', guard: ADMIN_KEY })
await app.register(health, { prefix: '/health' })

// On a port of its own, which no Service offers.
const metrics = Fastify()
metrics.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))

closeWithGrace({ delay: 60_000, logger: app.log }, async () => { await Promise.all([app.close(), metrics.close()]) })
await metrics.listen({ port: Number(METRICS_PORT), host: HOST })
await app.listen({ port: Number(PORT), host: HOST })
