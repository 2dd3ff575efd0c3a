import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { UnauthorizedError } from '../errors.ts'
import type { AdminOptions } from './options.ts'

/** Puts the guard before every route of the scope, and before anything of a request is looked at. */
export function addGuard (scope: FastifyInstance, guard: AdminOptions['guard']): void {
  if (typeof guard === 'string') scope.addHook('onRequest', keyCheck(guard))
  // It may want to see the body; what is wrong with that is told to those who may come in only.
  else if (guard !== false) scope.addHook('preValidation', guard as never)
}

function keyCheck (key: string) {
  const expected = digest(key)
  return async ({ headers: { authorization = '' } }: FastifyRequest) => {
    const [, given = ''] = /^bearer +(\S+) *$/i.exec(authorization) ?? []
    // Digests are equally long, so that the time taken says nothing about the key.
    if (!timingSafeEqual(digest(given), expected)) throw new UnauthorizedError()
  }
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
