import fp from 'fastify-plugin'

/**
 * llmux answers errors of its own routes as OpenAI does. This does the same for the rest (rate limit, admin routes,
 * unknown paths), so that clients read one shape.
 * @param {import('fastify').FastifyInstance} app
 */
async function errors (app) {
  app.setErrorHandler((/** @type {import('fastify').FastifyError} */ error, request, reply) => {
    const { statusCode = 500, code = null } = error
    if (statusCode >= 500) request.log.error(error)
    const message = statusCode >= 500 && code === null ? 'internal server error' : error.message
    reply.code(statusCode).send(body(message, statusCode, code))
  })
  app.setNotFoundHandler((request, reply) => {
    reply.code(404).send(body(`there is no ${request.method} ${request.url}`, 404, 'not_found'))
  })
}

/** @param {string} message @param {number} statusCode @param {string | null} code */
function body (message, statusCode, code) {
  const type = statusCode === 429 ? 'rate_limit_error' : statusCode < 500 ? 'invalid_request_error' : 'server_error'
  return { error: { message, type, param: null, code } }
}

export default fp(errors, { name: 'errors' })
