// Models behind tokens of an identity provider, in a scope of their own: the rest of the server asks for no token.
//
//     ISSUER=https://login.example JWKS=https://login.example/.well-known/jwks.json node examples/jwt-scope/server.js
import Fastify from 'fastify'
import llmux, { llmuxOf } from 'fastify-llmux'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const { ISSUER: issuer, JWKS: jwks } = process.env
if (issuer === undefined || jwks === undefined) throw new Error('set ISSUER and JWKS')
const keys = createRemoteJWKSet(new URL(jwks))

const app = Fastify({ logger: true })

await app.register(async scope => {
  scope.addHook('onRequest', async request => {
    const token = (request.headers.authorization ?? '').replace(/^bearer /i, '')
    try {
      await jwtVerify(token, keys, { issuer, audience: 'llm' })
    } catch (cause) {
      throw Object.assign(new Error('the token is missing, wrong or too old', { cause }), { statusCode: 401 })
    }
  })
  await scope.register(llmux, { models: { 'qwen-14b': { path: 'Qwen/Qwen3-14B' } } })
}, { prefix: '/llm' })

app.get('/about', async () => ({ models: llmuxOf(app).status().models.map(({ name, state }) => ({ name, state })) }))

await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
