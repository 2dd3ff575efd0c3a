// One endpoint for everything: local models from the GPU, every other model from OpenAI's cloud. Clients never see the cloud's key,
// and the engines never see it either: a second server on this machine adds it on the way out.
//
//     OPENAI_API_KEY=sk-… node examples/openai-cloud-and-local/server.js
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'

const { OPENAI_API_KEY: key, CLOUD: upstream = 'https://api.openai.com' } = process.env
if (key === undefined) throw new Error('set OPENAI_API_KEY')

const cloud = Fastify()
await cloud.register(httpProxy, {
  upstream,
  replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, authorization: `Bearer ${key}` }) }
})
const fallbackUpstream = await cloud.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify({ logger: true })
app.addHook('onClose', () => cloud.close())

await app.register(llmux, {
  models: { 'qwen-14b': { path: 'Qwen/Qwen3-14B' } },
  fallbackUpstream
})

await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
