import type { FastifyInstance } from 'fastify'
import { RouteNotFoundError } from '../errors.ts'
import { errorBody } from './error-answer.ts'

/** What of an address is told. Characters. */
const longest = 200

/** Clients of OpenAI's expect its shape of whatever they ask for below `/v1`. All other addresses are the host's. */
export async function unknownRoutes (scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  // Nobody reads it.
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  scope.setNotFoundHandler(({ method, url }, reply) => {
    const [path = ''] = url.split('?', 1)
    const error = new RouteNotFoundError(method, path.length > longest ? `${path.slice(0, longest)}…` : path)
    return reply.code(error.statusCode).send(errorBody(error))
  })
}
