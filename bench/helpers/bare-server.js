// Fastify and nothing else: what a start costs without the gateway.
import Fastify from 'fastify'

await Fastify({ logger: true }).listen({ port: Number(process.argv[2]), host: '127.0.0.1' })
