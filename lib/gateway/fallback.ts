import type { FastifyInstance } from 'fastify'
import { Agent } from 'undici'
import type { Clock, Timer } from '../clock.ts'
import { GraceTimeoutError } from '../errors.ts'
import type { Endpoint } from '../orchestrator/driver.ts'
import type { Passage } from './relay/passage.ts'

export interface FallbackOptions {
  origin: string
  clock: Clock
  /** How long its streams may still run when the server closes. Milliseconds. */
  grace: number
}

/**
 * The target of requests for models that are not in `models`. They hold no lease, so only this class knows what is in flight
 * there.
 */
export class Fallback {
  readonly endpoint: Endpoint
  readonly #passages = new Set<Passage>()

  constructor (origin: string) {
    // A language model may take longer to answer than any client library's limit.
    this.endpoint = { origin, dispatcher: new Agent({ headersTimeout: 0, bodyTimeout: 0 }), apiKey: undefined }
  }

  add (passage: Passage): void {
    this.#passages.add(passage)
  }

  delete (passage: Passage): void {
    this.#passages.delete(passage)
  }

  cut (error: Error): void {
    for (const passage of [...this.#passages]) passage.abort(error)
  }
}

/** Ends with the server, as engines do. */
export function createFallback (scope: FastifyInstance, { origin, clock, grace }: FallbackOptions): Fallback {
  const fallback = new Fallback(origin)
  let timer: Timer
  scope.addHook('preClose', done => {
    timer = clock.setTimeout(() => fallback.cut(new GraceTimeoutError(grace)), grace)
    done()
  })
  scope.addHook('onClose', async () => {
    clock.clearTimeout(timer)
    await fallback.endpoint.dispatcher.close()
  })
  return fallback
}
