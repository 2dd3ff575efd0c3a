import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

/** How long a browser stays signed in, in seconds. */
export const sessionSeconds = 12 * 3_600

/** The page sends this header with every call. A form of another page cannot, and a script of another origin would need permission. */
export const sessionHeader = 'x-llmux-page'

const name = 'llmux_session'

/** Signed with a derived key, so that the cookie does not help to guess the admin key. */
function sign (key: string, expires: number): string {
  const secret = createHash('sha256').update(`llmux session ${key}`).digest()
  return createHmac('sha256', secret).update(String(expires)).digest('base64url')
}

/**
 * The value of `Set-Cookie`: what a browser keeps instead of the key. It is valid for the operators' routes only, until it
 * expires or the key changes. The server keeps nothing, so it stays valid after a restart. `now`: milliseconds since the
 * epoch.
 */
export function sessionCookie (key: string, now: number, attributes: string): string {
  const expires = Math.round(now / 1_000) + sessionSeconds
  return `${name}=${expires}.${sign(key, expires)}; Max-Age=${sessionSeconds}; ${attributes}`
}

/** Makes the browser delete it. */
export function endedCookie (attributes: string): string {
  return `${name}=; Max-Age=0; ${attributes}`
}

/** Whether a request comes from the page, in a browser that has signed in with this key. */
export function hasSession (key: string, { headers }: Pick<FastifyRequest, 'headers'>, now: number): boolean {
  const [, expires = '', signature = ''] = new RegExp(`(?:^|; *)${name}=(\\d{1,12})\\.([\\w-]+)`).exec(headers.cookie ?? '') ?? []
  const expected = Buffer.from(sign(key, Number(expires)))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false
  return Number(expires) * 1_000 > now && headers[sessionHeader] !== undefined
}
