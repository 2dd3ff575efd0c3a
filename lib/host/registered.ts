import type { FastifyInstance } from 'fastify'
import { NotRegisteredError } from '../errors.ts'
import type { Llmux } from './llmux.ts'
import type { Readiness } from './readiness.ts'

// By the server, not by the decorator: sibling scopes do not see each other's decorators, but share the GPU.
const byServer = new WeakMap<object, Llmux>()

export function register ({ server }: FastifyInstance, llmux: Llmux): void {
  byServer.set(server, llmux)
  readinessByServer.set(server, () => llmux.readiness())
}

const readinessByServer = new WeakMap<object, () => Readiness>()

/** What `GET ready` says of this server. */
export function registerReadiness ({ server }: FastifyInstance, readiness: () => Readiness): void {
  readinessByServer.set(server, readiness)
}

/** @throws {NotRegisteredError} */
export function readinessOf ({ server }: FastifyInstance): () => Readiness {
  const readiness = readinessByServer.get(server)
  if (readiness === undefined) throw new NotRegisteredError()
  return readiness
}

export function isRegistered ({ server }: FastifyInstance): boolean {
  return byServer.has(server)
}

/**
 * `fastify.llmux`, from any scope of the same server.
 *
 * @throws {NotRegisteredError} if it has not been registered in this server, or not yet.
 */
export function llmuxOf ({ server }: FastifyInstance): Llmux {
  const llmux = byServer.get(server)
  if (llmux === undefined) throw new NotRegisteredError()
  return llmux
}
