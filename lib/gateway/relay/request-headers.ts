import type { IncomingHttpHeaders } from 'node:http'

/** Between the client and us only. undici refuses some of them, `expect` among others, which curl sends with large bodies. */
const hopByHop = ['connection', 'expect', 'host', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']

const credentials = ['authorization', 'cookie']

/** The headers of a request as its target gets them. */
export function requestHeaders (headers: IncomingHttpHeaders, apiKey: string | undefined, forwardCredentials: boolean): IncomingHttpHeaders {
  const result = { ...headers }
  for (const name of hopByHop) delete result[name]
  if (!forwardCredentials) {
    for (const name of credentials) delete result[name]
  }
  if (apiKey !== undefined) result.authorization = `Bearer ${apiKey}`
  return result
}
