import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { forward } from './forward.ts'
import type { Passage } from './passage.ts'
import type { OwnHeaders } from './request-headers.ts'

/** What the relay gets from the `preHandler`. */
export interface Errand {
  passage: Passage
  body: Buffer
  /** A prefix of the path at the target. Default: none. */
  prefix?: string
  /** Headers for the target, in addition to the client's. Default: none. */
  headers?: OwnHeaders
}

export interface RelayOptions {
  /** The paths to relay, without the prefix of the scope. */
  routes: string[]
  preHandler: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void
  /** The result of the `preHandler` for the request. */
  errandOf: (request: FastifyRequest) => Errand
  forwardCredentials: boolean
  /** Whether requests for models that are not in `models` go to another upstream. */
  hasFallback: boolean
}

/** The only module that knows how bytes get to an engine and back. */
export async function relay (scope: FastifyInstance, options: RelayOptions): Promise<void> {
  if (options.hasFallback) {
    // Most gateways have no fallback, and start without loading its code.
    const { relayThroughProxy } = await import('./through-proxy.ts')
    return await relayThroughProxy(scope, options)
  }
  const { routes, preHandler, errandOf, forwardCredentials } = options
  for (const url of routes) {
    scope.post(url, { preHandler }, (request, reply) => {
      // Does not return the reply: Fastify would wait for its end a second time.
      forward(request, reply, errandOf(request), forwardCredentials)
    })
  }
}
