import type { FastifyRequest } from 'fastify'
import { WithdrawnError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import type { DetailOptions } from './request-details.ts'

/** The name that an edge gives a request, to take it back by. */
export const requestHeader = 'x-llmux-request'

/** Waiting requests of edges. An edge may take one back, to send it to another node that can serve it at once. */
export class Withdrawals {
  readonly #waiting = new Map<string, (error: LlmuxError) => void>()

  /** A request waits. Returns what to call when it no longer does. */
  add (name: string, refuse: (error: LlmuxError) => void): () => void {
    this.#waiting.set(name, refuse)
    return () => { if (this.#waiting.get(name) === refuse) this.#waiting.delete(name) }
  }

  /** Refuses those of the requests that still wait, `most` of them at most. Returns their names. */
  withdraw (names: readonly string[], most: number): string[] {
    const waiting = names.filter(name => this.#waiting.has(name)).slice(0, most)
    for (const name of waiting) this.#waiting.get(name)?.(new WithdrawnError())
    return waiting
  }
}

/** The name that its edge has given a request; undefined if it comes from none, or from one that is not trusted. */
export function nameOf (request: FastifyRequest, { edgeKey, isEdge }: Pick<DetailOptions, 'edgeKey' | 'isEdge'>): string | undefined {
  const name = request.headers[requestHeader]
  return name === undefined || (edgeKey !== undefined && !isEdge(request)) ? undefined : String(name)
}
