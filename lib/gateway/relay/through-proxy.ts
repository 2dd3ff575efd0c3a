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

/** Passes requests for models that are not in `models` to @fastify/http-proxy, and all others to their engines. */
export async function relayThroughProxy (scope: FastifyInstance, { routes, preHandler, errandOf, forwardCredentials }: RelayOptions): Promise<void> {
  // Created once, and no option below is a copy: copying alone took a thirtieth of all the work.
  const rewriteRequestHeaders = (request: unknown, headers: IncomingHttpHeaders): IncomingHttpHeaders => {
    const { passage } = errandOf(request as FastifyRequest)
    const parcel: HeadersWithParcel = { [kParcel]: { passage, headers: requestHeaders(headers, passage.target.apiKey, forwardCredentials) } }
    return parcel
  }
  await scope.register(httpProxy, {
    // A placeholder for the target, which is known only when the request has its lease.
    upstream: 'http://engine',
    undici: passageDispatcher as never,
    routes,
    httpMethods: ['POST'],
    preHandler,
    replyOptions: { rewriteHeaders: responseHeaders },
    // Our content type parser reads bodies, and they are sent on unchanged.
    proxyPayloads: false,
    disableRequestLogging: true,
    handler (request, reply, _destination, { rewriteHeaders }) {
      const errand = errandOf(request)
      const { passage, body } = errand
      if (passage.link !== undefined) return forward(request, reply, errand, forwardCredentials)
      reply.from(passage.path, {
        // Always present, though its type does not say so.
        rewriteHeaders: rewriteHeaders!,
        body,
        // Without a content type reply-from would encode the body as JSON a second time.
        contentType: request.headers['content-type'] ?? 'application/octet-stream',
        rewriteRequestHeaders,
        // reply-from must not retry: this gateway decides what may be sent twice.
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

/** reply-from wraps the cause into an error of its own. */
function answerError (to: object, { error: { cause } }: { error: Error }): void {
  const reply = to as FastifyReply
  if (cause instanceof LlmuxError) reply.send(cause)
  else if (cause instanceof ClientLeftError) reply.hijack()
  else throw cause
}
