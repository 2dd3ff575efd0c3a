import type { IncomingHttpHeaders } from 'node:http'
import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LlmuxError } from '../../errors.ts'
import { kParcel, passageDispatcher } from './dispatcher.ts'
import type { HeadersWithParcel } from './dispatcher.ts'
import { forward } from './forward.ts'
import { ClientLeftError } from './passage.ts'
import type { RelayOptions } from './relay.ts'
import { requestHeaders } from './request-headers.ts'
import { responseHeaders } from './response-headers.ts'

/** Hands requests for models that are not ours over to @fastify/http-proxy, and all others to their engines. */
export async function relayThroughProxy (scope: FastifyInstance, { routes, preHandler, errandOf, forwardCredentials }: RelayOptions): Promise<void> {
  // Made once, and none of the options below is a copy: that alone was a thirtieth of all the work.
  const rewriteRequestHeaders = (request: unknown, headers: IncomingHttpHeaders): IncomingHttpHeaders => {
    const { passage } = errandOf(request as FastifyRequest)
    const parcel: HeadersWithParcel = { [kParcel]: { passage, headers: requestHeaders(headers, passage.target.apiKey, forwardCredentials) } }
    return parcel
  }
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
    handler (request, reply, _destination, { rewriteHeaders }) {
      const errand = errandOf(request)
      const { passage, body } = errand
      if (passage.link !== undefined) return forward(request, reply, errand, forwardCredentials)
      reply.from(passage.path, {
        // Always there, though its type does not say so.
        rewriteHeaders: rewriteHeaders!,
        body,
        // Without one reply-from would encode the body as JSON a second time.
        contentType: request.headers['content-type'] ?? 'application/octet-stream',
        rewriteRequestHeaders,
        // Never again by reply-from: what may be sent twice is decided here.
        retryDelay: never,
        onError: answerError
      })
      // Not the reply, for whose end Fastify would wait once more.
    }
  })
}

function never (): null {
  return null
}

/** reply-from wraps what happened into an error of its own. */
function answerError (to: object, { error: { cause } }: { error: Error }): void {
  const reply = to as FastifyReply
  if (cause instanceof LlmuxError) reply.send(cause)
  else if (cause instanceof ClientLeftError) reply.hijack()
  else throw cause
}
