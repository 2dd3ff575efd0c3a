import bearerAuth from '@fastify/bearer-auth'
import type { FastifyInstance } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'

const apiKeyHeader = 'x-api-key'

/**
 * Admits requests with one of the keys only, before a body is read or a model is woken. Routes that are `open` need no key,
 * or have one of their own.
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

/** Anthropic's SDKs send their key in a header of their own only. */
function takeApiKey (headers: IncomingHttpHeaders): void {
  const { authorization, [apiKeyHeader]: key } = headers
  if (authorization === undefined && key !== undefined) headers.authorization = `Bearer ${String(key)}`
}

/** Keys of the environment replace those of the file. */
export function keysFrom (environment: string | undefined, file: string[]): string[] {
  const given = environment?.split(',').map(key => key.trim()).filter(Boolean) ?? []
  return given.length > 0 ? given : file
}
