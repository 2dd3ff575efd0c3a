import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { forward } from './forward.ts'
import type { Passage } from './passage.ts'
import type { OwnHeaders } from './request-headers.ts'

/** What the relay takes from the `preHandler`. */
export interface Errand {
  passage: Passage
  body: Buffer
  /** Put before the path at the target. Default: nothing. */
  prefix?: string
  /** Headers for the target beside the client's. Default: none. */
  headers?: OwnHeaders
}

export interface RelayOptions {
  /** The paths that are relayed, without the prefix of the scope. */
  routes: string[]
  preHandler: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void
  /** What the `preHandler` has made of the request. */
  errandOf: (request: FastifyRequest) => Errand
  forwardCredentials: boolean
  /** Whether requests for models that are not ours go elsewhere. */
  hasFallback: boolean
}

/** The only room that knows how bytes get to an engine and back. */
export async function relay (scope: FastifyInstance, options: RelayOptions): Promise<void> {
  if (options.hasFallback) {
    // Most gateways have none, and start without what it takes.
    const { relayThroughProxy } = await import('./through-proxy.ts')
    return await relayThroughProxy(scope, options)
  }
  const { routes, preHandler, errandOf, forwardCredentials } = options
  for (const url of routes) {
    scope.post(url, { preHandler }, (request, reply) => {
      // The reply is not returned: Fastify would wait for its end once more.
      forward(request, reply, errandOf(request), forwardCredentials)
    })
  }
}
