import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Exchange } from './exchange.ts'
import { ClientLeftError } from './passage.ts'
import type { Errand } from './relay.ts'
import { ReplySink } from './reply-sink.ts'
import type { UpstreamResponse } from './reply-sink.ts'
import { requestHeaders } from './request-headers.ts'
import { responseHeaders } from './response-headers.ts'

/**
 * Sends a request to its engine and the answer to its client. Not through @fastify/http-proxy, which parses and checks each
 * URL, though the path is known here, and copies the headers several times.
 */
export function forward (request: FastifyRequest, reply: FastifyReply, { passage, body, prefix = '', headers: own }: Errand, forwardCredentials: boolean): void {
  const path = prefix + passage.path + queryOf(request.raw.url!)
  const headers = requestHeaders(request.headers, passage.target.apiKey, forwardCredentials, own)
  new Exchange(passage, { path, method: 'POST', headers, body }, new ReplySink(passage, (error, response) => {
    if (error === null) answer(reply, response!)
    else if (!reply.sent) answerError(reply, error)
  })).send()
}

function queryOf (url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark)
}

/** With `send`, so that your hooks see it, and the headers that they set are sent too. */
function answer (reply: FastifyReply, { statusCode, headers, body }: UpstreamResponse): void {
  const { raw } = reply.request
  // The client left before there was an answer.
  if (raw.aborted) {
    if (body instanceof Readable) body.destroy()
    return
  }
  reply.headers(responseHeaders(headers))
  // A parser would take the rest of the request for the next one.
  if (!raw.complete && raw.httpVersionMajor === 1) reply.header('connection', 'close')
  // Fastify accepts no other status codes, though HTTP/1 can carry them.
  reply.code(statusCode < 600 ? statusCode : 502).send(body)
}

function answerError (reply: FastifyReply, error: Error): void {
  if (error instanceof ClientLeftError) reply.hijack()
  else reply.send(error)
}
