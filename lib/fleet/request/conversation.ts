import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

/** Larger bodies are not read for it. Bytes. */
const largest = 256 * 1024

/** What all requests of one conversation have alike: a header, or all up to the first message of the user's. Undefined if nothing tells. */
export function conversationOf ({ headers }: Pick<FastifyRequest, 'headers'>, body: Buffer, header: string): string | undefined {
  const given = headers[header]
  if (given !== undefined) return String(given)
  if (body.length > largest) return undefined
  const first = firstMessages(body)
  return first && createHash('sha1').update(first).digest('base64url')
}

function firstMessages (body: Buffer): string | undefined {
  try {
    const { messages } = JSON.parse(body.toString())
    if (!Array.isArray(messages)) return undefined
    const user = messages.findIndex(message => message?.role === 'user')
    return user === -1 ? undefined : JSON.stringify(messages.slice(0, user + 1))
  } catch {
    return undefined // no JSON: that is the engine's to say
  }
}
