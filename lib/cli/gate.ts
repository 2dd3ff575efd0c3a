import bearerAuth from '@fastify/bearer-auth'
import type { FastifyInstance } from 'fastify'

/**
 * Lets in only those who have one of the keys, before a body is read or a model is woken for them. Routes under `open` ask
 * for none.
 */
export async function gate (app: FastifyInstance, keys: string[], open: string): Promise<void> {
  await app.register(bearerAuth, { keys: new Set(keys), addHook: false, verifyErrorLogLevel: 'info' })
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.url?.startsWith(`${open}/`)) return done()
    app.verifyBearerAuth!(request, reply, error => {
      if (error === undefined) done()
      // In the shape that clients of OpenAI's know.
      else reply.send({ error: { message: error.message, type: 'invalid_request_error', param: null, code: 'invalid_api_key' } })
    })
  })
}

/** Those of the environment win over those of the file. */
export function keysFrom (environment: string | undefined, file: string[]): string[] {
  const given = environment?.split(',').map(key => key.trim()).filter(Boolean) ?? []
  return given.length > 0 ? given : file
}
