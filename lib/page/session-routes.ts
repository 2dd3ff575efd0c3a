import type { FastifyInstance, FastifyRequest } from 'fastify'
import { keyTest, refuseCrossSite } from '../admin/guard.ts'
import { endedCookie, sessionCookie } from '../admin/session.ts'
import { systemClock } from '../clock.ts'
import { AdminRequestError, UnauthorizedError } from '../errors.ts'

interface SignIn { Body: { key: string, path: string } }

const text = { type: 'string', maxLength: 1_024 }
const signIn = { hide: true, body: { type: 'object', properties: { key: text, path: text }, required: ['key', 'path'], additionalProperties: false } }

/** A browser brings the key once, and gets a cookie for the operators' routes that no script can read and no other site can use. */
export function sessionRoutes (scope: FastifyInstance, key: string, admin: string): void {
  const isKey = keyTest(key)
  scope.addHook('onRequest', refuseCrossSite)

  scope.post<SignIn>('/session', { schema: signIn }, async (request, reply) => {
    const { key: given, path } = request.body
    // The path as the browser sees it: a proxy may have put something before it.
    if (!/^(\/[\w.~-]+)*$/.test(path) || !path.endsWith(admin)) throw new AdminRequestError('body path', `must end with ${admin}`)
    if (!isKey(given)) throw new UnauthorizedError()
    return reply.code(204).header('set-cookie', sessionCookie(key, systemClock.now(), attributes(request, path))).send()
  })

  scope.delete<{ Querystring: { path?: string } }>('/session', { schema: { hide: true } as object }, async (request, reply) => {
    const { path = admin } = request.query
    if (!/^(\/[\w.~-]+)*$/.test(path)) throw new AdminRequestError('query path', 'is no path')
    return reply.code(204).header('set-cookie', endedCookie(attributes(request, path))).send()
  })
}

function attributes ({ protocol }: FastifyRequest, path: string): string {
  return `Path=${path === '' ? '/' : path}; HttpOnly; SameSite=Strict${protocol === 'https' ? '; Secure' : ''}`
}
