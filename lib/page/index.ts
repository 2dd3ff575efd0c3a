import { posix } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { beStrict } from '../admin/validation.ts'
import { assets } from './assets.ts'
import type { Asset, Place } from './assets.ts'
import { checkOptions } from './options.ts'
import type { PageOptions } from './options.ts'
import { sessionRoutes } from './session-routes.ts'

/** Nothing inline, nothing from elsewhere, and in nobody's frame. */
const policy = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'", "worker-src 'self'", "manifest-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"
].join('; ')

const headers = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Asked for each time, and answered with 304 as long as it is the same: an update is there at once.
  'cache-control': 'no-cache'
}

/** A page for operators, in a scope of its own: register it after `fastify-llmux/admin`, with a `prefix`. */
async function page (scope: FastifyInstance, options: PageOptions): Promise<void> {
  await serve(scope, options, 'app')
}

async function serve (scope: FastifyInstance, options: PageOptions, script: Place['script']): Promise<void> {
  checkOptions(options)
  const { guard, admin = scope.prefix } = options
  beStrict(scope)
  // With a key, what is served here is the same for everybody and tells nothing: all that there is to see is asked of the operators' routes.
  if (typeof guard === 'function') scope.addHook('preValidation', guard as never)
  if (typeof guard === 'string') sessionRoutes(scope, guard, admin)
  const files = assets({ admin: posix.relative(`${scope.prefix}/`, `${admin}/`) || '.', signIn: typeof guard === 'string', script })
  for (const [name, asset] of files) scope.get(`/page/${name}`, { schema: { hide: true } as object }, async (request, reply) => send(asset, request, reply))
  scope.get('/', { schema: { hide: true } as object }, async (request, reply) => {
    // The names in it are relative, so that a proxy may put it where it likes.
    const [path = ''] = request.url.split('?', 1)
    if (!path.endsWith('/')) return reply.redirect(`./${posix.basename(path)}/`, 302)
    return send(files.get('index.html')!, request, reply)
  })
}

function send ({ type, body, gzipped, tag }: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers(headers).header('etag', tag).header('vary', 'accept-encoding')
  if (request.headers['if-none-match'] === tag) return reply.code(304).send()
  reply.type(type)
  if (!/\bgzip\b/.test(String(request.headers['accept-encoding']))) return reply.send(body)
  return reply.header('content-encoding', 'gzip').send(gzipped)
}

/** A page for operators, over the routes of `fastify-llmux/admin`. Register it after them, with the same `prefix` and `guard`. */
const plugin = fp(page, { fastify: '5.x', name: 'fastify-llmux-page', dependencies: ['fastify-llmux-admin'], encapsulate: true })

export default plugin

/** The page of an edge, over the routes of `fleetAdmin`: a row for each node. Register it after them, with the same `prefix` and `guard`. */
export const fleetPage = fp(async (scope: FastifyInstance, options: PageOptions) => await serve(scope, options, 'fleet'), { fastify: '5.x', name: 'fastify-llmux-fleet-page', dependencies: ['fastify-llmux-fleet-admin'], encapsulate: true })

export { page }
export type { PageOptions } from './options.ts'
