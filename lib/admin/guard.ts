import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { systemClock } from '../clock.ts'
import { CrossSiteError, UnauthorizedError } from '../errors.ts'
import type { AdminOptions } from './options.ts'
import { hasSession } from './session.ts'

/** Puts the guard before every route of the scope, and before anything else of a request is checked. */
export function addGuard (scope: FastifyInstance, guard: AdminOptions['guard']): void {
  if (typeof guard === 'string') scope.addHook('onRequest', keyCheck(guard))
  // Also without a key: a page of another origin must not make a browser on this machine stop a model.
  scope.addHook('onRequest', refuseCrossSite)
  // A guard function may read the body, and only callers that pass it learn what is wrong with a request.
  if (typeof guard === 'function') scope.addHook('preValidation', guard as never)
}

/** A second header for the key: in a scope whose own hooks read `Authorization`, that header has something else. */
export const keyHeader = 'x-llmux-key'

/** Whether a header has the key, or the page's session cookie stands for it. */
function keyCheck (key: string) {
  const isKey = keyTest(key)
  return async (request: FastifyRequest) => {
    if (!isKey(givenKey(request.headers)) && !hasSession(key, request, systemClock.now())) throw new UnauthorizedError()
  }
}

function givenKey ({ authorization = '', [keyHeader]: own }: FastifyRequest['headers']): string {
  if (own !== undefined) return String(own)
  const [, given = ''] = /^bearer +(\S+) *$/i.exec(authorization) ?? []
  return given
}

/** Digests have equal length, so the time taken reveals nothing about the key. */
export function keyTest (key: string): (given: string) => boolean {
  const expected = digest(key)
  return given => timingSafeEqual(digest(given), expected)
}

/**
 * A call with one of these headers was not forged by a page of another origin, since browsers do not add them by themselves.
 * Any other call may change something only from the page's own origin. Tools that are not browsers send neither header.
 */
export async function refuseCrossSite ({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): Promise<void> {
  if (method === 'GET' || method === 'HEAD' || headers.authorization !== undefined || headers[keyHeader] !== undefined) return
  const { origin, host, 'sec-fetch-site': site } = headers
  const own = site === undefined ? origin === undefined || hostOf(origin) === host : site === 'same-origin' || site === 'none'
  if (!own) throw new CrossSiteError()
}

function hostOf (origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
