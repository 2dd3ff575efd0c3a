// An edge as a process of its own. Its options come as JSON.
import Fastify from 'fastify'
import closeWithGrace from 'close-with-grace'
import fleet, { fleetAdmin, fleetMetrics } from 'fastify-llmux/fleet'
import health from 'fastify-llmux/health'
import { choices } from './choices.js'

const { port, adminKey, choice, fleet: options } = JSON.parse(process.argv[2] ?? '')

const app = Fastify({ logger: { level: 'info' }, bodyLimit: 8 * 1024 ** 2 })
await app.register(fleet, { adminKey, ...options, ...(choice !== undefined && { choose: choices[choice]?.(), move: false }) })
await app.register(fleetAdmin, { prefix: '/admin', guard: adminKey })
await app.register(fleetMetrics)
await app.register(health, { prefix: '/health' })
closeWithGrace({ delay: 10_000, logger: false }, async () => { await app.close() })
await app.listen({ port, host: '127.0.0.1' })
// Whoever has started it may be killed: it is not to be left behind.
process.stdin.resume().once('end', () => process.kill(process.pid, 'SIGTERM'))
