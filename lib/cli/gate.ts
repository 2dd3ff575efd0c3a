import bearerAuth from '@fastify/bearer-auth'
import type { FastifyInstance } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'

const apiKeyHeader = 'x-api-key'

/**
 * Lets in only those who have one of the keys, before a body is read or a model is woken for them. Routes that are `open`
 * ask for none, or for one of their own.
 */
export async function gate (app: FastifyInstance, keys: string[], open: (route: string) => boolean): Promise<void> {
  await app.register(bearerAuth, { keys: new Set(keys), addHook: false, verifyErrorLogLevel: 'info', specCompliance: 'rfc6749' })
  app.addHook('onRequest', (request, reply, done) => {
    const { url } = request.routeOptions
    if (url !== undefined && open(url)) return done()
    takeApiKey(request.raw.headers)
    app.verifyBearerAuth!(request, reply, error => {
      if (error === undefined) done()
      // In the shape that clients of OpenAI's know.
      else reply.send({ error: { message: error.message, type: 'invalid_request_error', param: null, code: 'invalid_api_key' } })
    })
  })
}

/** Anthropic's SDKs bring their key in a header of their own, and no other. */
function takeApiKey (headers: IncomingHttpHeaders): void {
  const { authorization, [apiKeyHeader]: key } = headers
  if (authorization === undefined && key !== undefined) headers.authorization = `Bearer ${String(key)}`
}

/** Those of the environment win over those of the file. */
export function keysFrom (environment: string | undefined, file: string[]): string[] {
  const given = environment?.split(',').map(key => key.trim()).filter(Boolean) ?? []
  return given.length > 0 ? given : file
}
