// A node as a process of its own: a gateway with llmux and its operators' routes. Its options come as JSON.
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import admin from 'fastify-llmux/admin'
import { shotHeader } from '../storm/client.js'

const { port, adminKey, tls = null, llmux: options } = JSON.parse(process.argv[2] ?? '')

const app = Fastify({ logger: { level: 'info' }, https: tls, requestIdHeader: shotHeader, bodyLimit: 8 * 1024 ** 2 })
await app.register(llmux, { closeWithGrace: true, ...options })
await app.register(admin, { prefix: '/admin', guard: adminKey })
await app.listen({ port, host: '127.0.0.1' })
// Whoever has started it may be killed: it is not to be left behind.
process.stdin.resume().once('end', () => process.kill(process.pid, 'SIGTERM'))
