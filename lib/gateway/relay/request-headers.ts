import type { IncomingHttpHeaders } from 'node:http'
import { edgeHeader } from '../request-details.ts'
import { requestHeader } from '../withdrawals.ts'

/**
 * Headers between the client and the gateway only. undici refuses some of them, such as `expect`, which curl sends with
 * large bodies.
 */
const hopByHop = new Set(['connection', 'expect', 'host', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

/** They describe the body that is sent, which may differ from the client's: undici counts its bytes. */
const ofBody = new Set(['content-length', 'content-type'])

const credentials = new Set(['authorization', 'cookie', 'x-api-key'])

/** Headers that replace the client's. */
export interface OwnHeaders {
  /** The client's headers that are not sent on. */
  drop: (name: string) => boolean
  /** Names and values alternate. */
  add: readonly string[]
}

/** The headers of a request as its target gets them: names and values alternate, so that undici takes them without another check. */
export function requestHeaders (headers: IncomingHttpHeaders, apiKey: string | undefined, forwardCredentials: boolean, own?: OwnHeaders): string[] {
  const named = connectionNames(headers.connection)
  const result = ['content-type', headers['content-type'] ?? 'application/octet-stream']
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || hopByHop.has(name) || ofBody.has(name) || name === edgeHeader || name === requestHeader || isPseudo(name) || named?.includes(name) === true) continue
    if (own?.drop(name) === true) continue
    if (credentials.has(name) && (!forwardCredentials || (name === 'authorization' && apiKey !== undefined))) continue
    if (Array.isArray(value)) for (const one of value) result.push(name, one)
    else result.push(name, String(value))
  }
  if (apiKey !== undefined) result.push('authorization', `Bearer ${apiKey}`)
  if (own !== undefined) result.push(...own.add)
  return result
}

/** The pseudo-headers of HTTP/2, such as `:path`. */
function isPseudo (name: string): boolean {
  return name.startsWith(':')
}

/** The headers that belong to one connection because its `connection` header names them (RFC 9110, 7.6.1); undefined if it names none. */
export function connectionNames (connection: string | undefined): string[] | undefined {
  // Nearly all `connection` headers name no other header.
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  return connection.toLowerCase().split(',').map(name => name.trim())
}
