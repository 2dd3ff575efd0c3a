// Two models take turns on one GPU. Nothing else: no keys, so it listens on this machine only.
import Fastify from 'fastify'
import llmux from 'fastify-llmux'

const app = Fastify({ logger: true })

await app.register(llmux, {
  models: {
    'qwen-14b': { path: 'Qwen/Qwen3-14B' },
    'gemma-12b': { path: 'google/gemma-3-12b-it', aliases: ['gemma'] }
  }
})

await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
