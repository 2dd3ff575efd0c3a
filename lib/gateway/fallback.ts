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

/** Where requests for models that are not ours go. They hold no lease, so what is on its way there is known only here. */
export class Fallback {
  readonly endpoint: Endpoint
  readonly #passages = new Set<Passage>()

  constructor (origin: string) {
    // Answers of a language model may take longer than any limit of a client library.
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

/** Ends with the server, as the engines do. */
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
