import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

/** How long a browser stays signed in, in seconds. */
export const sessionSeconds = 12 * 3_600

/** What a page of ours sends with every call, and a form of another page cannot: another origin's script would have to ask first. */
export const sessionHeader = 'x-llmux-page'

const name = 'llmux_session'

/** Signed with a key of its own, so that the admin key cannot be guessed from it any better than by trying. */
function sign (key: string, expires: number): string {
  const secret = createHash('sha256').update(`llmux session ${key}`).digest()
  return createHmac('sha256', secret).update(String(expires)).digest('base64url')
}

/**
 * What a browser keeps instead of the key, as the value of `Set-Cookie`. It is good for the operators' routes alone, until it
 * expires or the key changes; nothing of it is kept here, so that it outlives a restart. `now`: milliseconds since the epoch.
 */
export function sessionCookie (key: string, now: number, attributes: string): string {
  const expires = Math.round(now / 1_000) + sessionSeconds
  return `${name}=${expires}.${sign(key, expires)}; Max-Age=${sessionSeconds}; ${attributes}`
}

/** Has the browser forget it. */
export function endedCookie (attributes: string): string {
  return `${name}=; Max-Age=0; ${attributes}`
}

/** Whether a request comes from a page of ours, in a browser that has signed in with this key. */
export function hasSession (key: string, { headers }: Pick<FastifyRequest, 'headers'>, now: number): boolean {
  const [, expires = '', signature = ''] = new RegExp(`(?:^|; *)${name}=(\\d{1,12})\\.([\\w-]+)`).exec(headers.cookie ?? '') ?? []
  const expected = Buffer.from(sign(key, Number(expires)))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false
  return Number(expires) * 1_000 > now && headers[sessionHeader] !== undefined
}
