import type { FastifyInstance } from 'fastify'
import { RouteNotFoundError } from '../errors.ts'
import { errorBody } from './error-answer.ts'

/** How much of a path an error shows. Characters. */
const longest = 200

/** OpenAI's clients expect its error shape for any path below `/v1`. Your server answers for all other paths. */
export async function unknownRoutes (scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  // Nothing reads the body.
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  scope.setNotFoundHandler(({ method, url }, reply) => {
    const [path = ''] = url.split('?', 1)
    const error = new RouteNotFoundError(method, path.length > longest ? `${path.slice(0, longest)}…` : path)
    return reply.code(error.statusCode).send(errorBody(error))
  })
}
