// A key and a rate limit for each team, and a model that only one team may use. All of it is Fastify's own: llmux runs after your hooks.
//
//     KEYS=research=sk-one,support=sk-two node examples/keys-and-limits/server.js
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { createHash } from 'node:crypto'

/** @param {string} key */
const digest = key => createHash('sha256').update(key).digest('hex')

const keys = (process.env['KEYS'] ?? '').split(',').filter(pair => pair.includes('='))
if (keys.length === 0) throw new Error('set KEYS=team=key,team=key')
/** Teams by the digest of their key, so that a look-up takes the same time for every wrong key. */
const teams = new Map(keys.map(pair => {
  const [team = '', key = ''] = pair.split('=')
  return [digest(key), team]
}))

const app = Fastify({ logger: true })
app.decorateRequest('team', '')

/** @param {number} status @param {string} message */
const refusal = (status, message) => Object.assign(new Error(message), { statusCode: status })

app.addHook('onRequest', async request => {
  const team = teams.get(digest((request.headers.authorization ?? '').replace(/^bearer /i, '')))
  if (team === undefined) throw refusal(401, 'this key is not known')
  request.setDecorator('team', team)
})
await app.register(rateLimit, {
  max: Number(process.env['REQUESTS_PER_MINUTE'] ?? 60),
  timeWindow: '1 minute',
  keyGenerator: request => /** @type {string} */ (request.getDecorator('team'))
})
// The model is known once the body has been read. A request that is refused here causes no switch.
app.addHook('preHandler', async request => {
  if (request.llmux.model === 'gemma-12b' && request.getDecorator('team') !== 'research') throw refusal(403, 'gemma-12b is for the research team')
})
// Clients expect OpenAI's shape for errors of the hooks too.
app.setErrorHandler((error, _request, reply) => {
  const { statusCode = 500, message } = /** @type {import('fastify').FastifyError} */ (error)
  reply.code(statusCode).send({ error: { message, type: 'invalid_request_error', param: null, code: null } })
})

await app.register(llmux, {
  models: {
    'qwen-14b': { path: 'Qwen/Qwen3-14B' },
    'gemma-12b': { path: 'google/gemma-3-12b-it' }
  }
})

await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
