import type { IncomingHttpHeaders } from 'node:http'
import { isEventStream } from './answer.ts'
import { connectionNames } from './request-headers.ts'

/**
 * Headers between the target and the gateway only (RFC 9110, 7.6.1): with the target's `connection: keep-alive`, a client
 * that asked for `close` would wait for it.
 */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

/** vLLM allows all origins; your server decides which origins may call the gateway. */
const crossOrigin = 'access-control-'

/** Tells nginx to pass an event stream on at once: by default nginx buffers it, and the client gets it in one piece. */
export const unbuffered = { 'x-accel-buffering': 'no' }

/** Characters that Node refuses in a value, though undici accepts them. */
const unsendable = /[^\t\x20-\x7e\x80-\xff]/

/** The headers of an answer as the client gets them. */
export function responseHeaders (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = connectionNames(headers.connection)
  const result: IncomingHttpHeaders = isEventStream({ headers }) ? { ...unbuffered } : {}
  for (const name of Object.keys(headers)) {
    if (!hopByHop.has(name) && !name.startsWith(crossOrigin) && named?.includes(name) !== true) result[name] = sendable(headers[name])
  }
  return result
}

function sendable (value: string | string[] | undefined): string | string[] | undefined {
  if (Array.isArray(value)) return value.map(one => clean(one))
  return value === undefined ? undefined : clean(value)
}

function clean (value: string): string {
  return unsendable.test(value) ? [...value].filter(character => !unsendable.test(character)).join('') : value
}
