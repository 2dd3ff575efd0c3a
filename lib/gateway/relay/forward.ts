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
 * Sends a request to its engine and the answer to its client. Not by @fastify/http-proxy, which parses and checks the URL of
 * each, though the path is known here, and copies its headers several times.
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

/** By `send`, so that the host's hooks see it, and the headers that they have set go with it. */
function answer (reply: FastifyReply, { statusCode, headers, body }: UpstreamResponse): void {
  const { raw } = reply.request
  // Gone before there was an answer.
  if (raw.aborted) {
    if (body instanceof Readable) body.destroy()
    return
  }
  reply.headers(responseHeaders(headers))
  // What is left of the request would be taken for the next one.
  if (!raw.complete && raw.httpVersionMajor === 1) reply.header('connection', 'close')
  // Fastify knows no others, which HTTP/1 can carry.
  reply.code(statusCode < 600 ? statusCode : 502).send(body)
}

function answerError (reply: FastifyReply, error: Error): void {
  if (error instanceof ClientLeftError) reply.hijack()
  else reply.send(error)
}
