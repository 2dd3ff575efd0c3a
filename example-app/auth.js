import bearerAuth from '@fastify/bearer-auth'
import rateLimit from '@fastify/rate-limit'
import fp from 'fastify-plugin'
import { createHash, timingSafeEqual } from 'node:crypto'

/** @param {string} key */
const digest = key => createHash('sha256').update(key).digest()

/**
 * One gate in front of everything, unknown paths too: the admin key opens what is under /admin, the others the rest.
 * What is under /health is open: probes have no keys. So is the operators' page, on which one signs in, and what it asks for goes by its own guard.
 * Both checks are `onRequest` hooks, so whoever is refused neither has a body read nor causes a switch.
 * @param {import('fastify').FastifyInstance} app
 * @param {Pick<import('./config.js').Config, 'keys' | 'adminKey' | 'requestsPerMinute'>} config
 */
async function auth (app, { keys, adminKey, requestsPerMinute }) {
  const users = Object.entries(keys).map(([name, key]) => ({ name, digest: digest(key) }))
  const admins = [{ name: 'admin', digest: digest(adminKey) }]

  app.decorateRequest('caller', '')

  await app.register(bearerAuth, {
    keys: new Set(),
    // Refusals go to the error handler, as all errors do.
    addHook: false,
    verifyErrorLogLevel: 'info',
    // The name of a scheme has no case.
    specCompliance: 'rfc6749',
    auth (key, request) {
      const given = digest(key)
      const known = isUnder('/admin/', request) ? admins : users
      // Digests are equally long, so that the time taken says nothing about the keys.
      const caller = known.find(({ digest }) => timingSafeEqual(digest, given))
      request.setDecorator('caller', caller?.name ?? '')
      return caller !== undefined
    }
  })
  app.addHook('onRequest', (request, reply, done) => {
    // Anthropic's SDKs bring their key in a header of their own, and no other.
    const { authorization, 'x-api-key': key } = request.raw.headers
    if (authorization === undefined && key !== undefined) request.raw.headers.authorization = `Bearer ${key}`
    if (isUnder('/health/', request) || isPage(request)) done()
    else app.verifyBearerAuth?.(request, reply, done)
  })

  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: '1 minute',
    // Not the header: `Bearer  KEY` with two spaces is the same key.
    keyGenerator: request => /** @type {string} */ (request.getDecorator('caller')),
    allowList: request => isUnder('/admin/', request) || isUnder('/health/', request)
  })
}

/** The page with its files and its sign-in, and what the page asks for. @param {import('fastify').FastifyRequest} request */
function isPage (request) {
  const { url } = request.routeOptions
  return url === '/admin' || url === '/admin/' || url === '/admin/session' || isUnder('/admin/page/', request) || (isUnder('/admin/', request) && request.headers['x-llmux-page'] !== undefined)
}

/** By the matched route: a URL can be spelled in more ways than one. @param {string} path @param {import('fastify').FastifyRequest} request */
function isUnder (path, request) {
  return request.routeOptions.url?.startsWith(path) === true
}

export default fp(auth, { name: 'auth' })
