import type { IncomingHttpHeaders } from 'node:http'
import { isEventStream } from './answer.ts'

/** Between the target and us only (RFC 9110, 7.6.1): with `connection: keep-alive` of the target's, a client that asked for `close` would wait for it. */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

/** vLLM allows all origins: which ones may come here is for the host to say. */
const crossOrigin = 'access-control-'

/** Tells nginx to pass an event stream on as it comes: by default nginx buffers it, and the client gets it in one piece. */
export const unbuffered = { 'x-accel-buffering': 'no' }

/** The headers of an answer as the client gets them. */
export function responseHeaders (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = headers.connection?.toLowerCase().split(',').map(name => name.trim())
  const result: IncomingHttpHeaders = isEventStream({ headers }) ? { ...unbuffered } : {}
  for (const name of Object.keys(headers)) {
    if (!hopByHop.has(name) && !name.startsWith(crossOrigin) && named?.includes(name) !== true) result[name] = headers[name]
  }
  return result
}
