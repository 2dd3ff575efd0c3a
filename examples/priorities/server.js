// People before batch jobs. An interactive request goes to the front of its queue and may have the GPU change models; a batch job goes to
// the back, and is served only while its model is awake anyway.
import Fastify from 'fastify'
import llmux from 'fastify-llmux'

/** In a real gateway the key or the token says so, not the client. @param {import('fastify').FastifyRequest} request */
const isBatch = request => request.headers['x-batch'] !== undefined

const app = Fastify({ logger: true })

await app.register(llmux, {
  models: {
    'qwen-14b': { path: 'Qwen/Qwen3-14B' },
    'gemma-12b': { path: 'google/gemma-3-12b-it' }
  },
  priority: request => isBatch(request) ? -5 : 5,
  mayCauseSwitch: request => !isBatch(request),
  // A batch job that finds its model asleep for so long gets 504 and may come back later.
  timeouts: { passive: Number(process.env['BATCH_WAIT_MS'] ?? 600_000) }
})

await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
