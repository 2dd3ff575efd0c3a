import type { Clock } from '../../clock.ts'
import { LlmuxError, NodeTimeoutError, NodeUnreachableError } from '../../errors.ts'
import type { ResolvedFleetOptions } from '../options.ts'
import type { Endpoint } from '../../orchestrator/driver.ts'

export interface Call {
  method: 'GET' | 'POST'
  /** Below the operators' routes. */
  path: string
  body?: object | undefined
  /** Whether the node answers only when the operation is done. Such a call has no time limit while the node is up. Default `false`. */
  patient?: boolean
}

/** What operators ask of one node. */
export class NodeCalls {
  readonly #endpoint: Endpoint
  readonly #options: Pick<ResolvedFleetOptions, 'adminPrefix' | 'adminKey' | 'operation'>
  readonly #clock: Clock
  readonly #running = new Set<AbortController>()

  constructor (endpoint: Endpoint, options: Pick<ResolvedFleetOptions, 'adminPrefix' | 'adminKey' | 'operation'>, clock: Clock) {
    this.#endpoint = endpoint
    this.#options = options
    this.#clock = clock
  }

  /** @throws {NodeTimeoutError | NodeUnreachableError} */
  async call ({ method, path, body, patient = false }: Call): Promise<{ status: number, body: unknown }> {
    const { origin, dispatcher } = this.#endpoint
    const { adminPrefix, adminKey, operation } = this.#options
    const running = new AbortController()
    this.#running.add(running)
    const timer = patient ? undefined : this.#clock.setTimeout(() => running.abort(new NodeTimeoutError(origin, operation)), operation)
    try {
      const answer = await dispatcher.request({
        origin,
        path: adminPrefix + path,
        method,
        signal: running.signal,
        headers: { authorization: `Bearer ${adminKey}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) })
      })
      return { status: answer.statusCode, body: await answer.body.json() }
    } catch (error) {
      throw error instanceof LlmuxError ? error : new NodeUnreachableError(origin, (error as Error).message || String(error), { cause: error })
    } finally {
      this.#clock.clearTimeout(timer)
      this.#running.delete(running)
    }
  }

  /** The node is out: nobody waits for it any longer. */
  end (reason: string): void {
    for (const running of this.#running) running.abort(new NodeUnreachableError(this.#endpoint.origin, reason))
  }
}
