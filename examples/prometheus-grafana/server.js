// A gateway with metrics. `docker compose up` beside it starts Prometheus and Grafana, with the dashboard and the alert rules of this repository.
//
//     node examples/prometheus-grafana/server.js
//     docker compose -f examples/prometheus-grafana/compose.yaml up     # Grafana on http://localhost:3001
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import llmuxMetrics from 'fastify-llmux/metrics'
import { Registry } from 'prom-client'

const app = Fastify({ logger: true })
const registry = new Registry()

await app.register(llmux, {
  models: {
    'qwen-14b': { path: 'Qwen/Qwen3-14B' },
    'gemma-12b': { path: 'google/gemma-3-12b-it' }
  }
})
await app.register(llmuxMetrics, { registry })
app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))

// Containers reach this machine by another address than 127.0.0.1. Beyond a machine of your own, put keys in front: see keys-and-limits.
await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: process.env['HOST'] ?? '0.0.0.0' })
