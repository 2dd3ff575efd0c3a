import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LlmuxError } from '../../errors.ts'
import { kPassage, passageDispatcher } from './dispatcher.ts'
import type { HeadersWithPassage } from './dispatcher.ts'
import { ClientLeftError } from './passage.ts'
import type { Passage } from './passage.ts'
import { requestHeaders } from './request-headers.ts'
import { responseHeaders } from './response-headers.ts'

/** What the relay takes from the `preHandler`. */
export interface Errand {
  passage: Passage
  body: Buffer
}

export interface RelayOptions {
  /** The paths that are relayed, without the prefix of the scope. */
  routes: string[]
  preHandler: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void
  /** What the `preHandler` has made of the request. */
  errandOf: (request: FastifyRequest) => Errand
  forwardCredentials: boolean
}

/** Hands requests over to @fastify/http-proxy: the only room that knows how bytes get to an engine and back. */
export async function relay (scope: FastifyInstance, { routes, preHandler, errandOf, forwardCredentials }: RelayOptions): Promise<void> {
  await scope.register(httpProxy, {
    // Stands for the target, which is known only when the request has its lease.
    upstream: 'http://engine',
    undici: passageDispatcher as never,
    routes,
    httpMethods: ['POST'],
    preHandler,
    replyOptions: { rewriteHeaders: responseHeaders },
    // Bodies are read by our own content type parser and sent on as they are.
    proxyPayloads: false,
    disableRequestLogging: true,
    handler (request, reply, _destination, options) {
      const { passage, body } = errandOf(request)
      reply.from(passage.path, {
        ...options,
        ...payload(request, body),
        rewriteRequestHeaders: (_request, headers) => Object.assign(
          requestHeaders(headers, passage.target.apiKey, forwardCredentials) as HeadersWithPassage, { [kPassage]: passage }
        ),
        // Never again by reply-from: what may be sent twice is decided here.
        retryDelay: () => null,
        onError: (reply, { error }) => answerError(reply as FastifyReply, error)
      })
      return reply
    }
  })
}

/** Without a content type reply-from would encode the body as JSON a second time. */
function payload (request: FastifyRequest, body: Buffer) {
  return { body, contentType: request.headers['content-type'] ?? 'application/octet-stream' }
}

/** reply-from wraps what happened into an error of its own. */
function answerError (reply: FastifyReply, { cause }: Error): void {
  if (cause instanceof LlmuxError) reply.send(cause)
  else if (cause instanceof ClientLeftError) reply.hijack()
  else throw cause
}
