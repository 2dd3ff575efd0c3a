import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { systemClock } from '../clock.ts'
import { CrossSiteError, UnauthorizedError } from '../errors.ts'
import type { AdminOptions } from './options.ts'
import { hasSession } from './session.ts'

/** Puts the guard before every route of the scope, and before anything of a request is looked at. */
export function addGuard (scope: FastifyInstance, guard: AdminOptions['guard']): void {
  if (typeof guard === 'string') scope.addHook('onRequest', keyCheck(guard))
  // Also without a key: a page somewhere else must not have a browser on this machine stop a model.
  scope.addHook('onRequest', refuseCrossSite)
  // It may want to see the body; what is wrong with that is told to those who may come in only.
  if (typeof guard === 'function') scope.addHook('preValidation', guard as never)
}

/** Where the key may be as well: in a scope whose own hooks read `Authorization`, that has something else. */
export const keyHeader = 'x-llmux-key'

/** Whether a header has the key, or a page's session stands for it. */
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

/** Digests are equally long, so that the time taken says nothing about the key. */
export function keyTest (key: string): (given: string) => boolean {
  const expected = digest(key)
  return given => timingSafeEqual(digest(given), expected)
}

/**
 * Whoever sends one of these headers is no page that abuses somebody's browser: browsers do not add it by themselves. All others
 * may change something only from where the page comes from. Tools that are no browsers send neither header.
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
