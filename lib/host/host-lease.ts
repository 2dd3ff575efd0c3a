import { fetch, Headers } from 'undici'
import type { RequestInit, Response } from 'undici'
import { LeaseEndedError } from '../errors.ts'
import type { Endpoint } from '../orchestrator/driver.ts'
import type { Lease } from '../switcher/lease.ts'

/** A hold on an awake model for the host's own routes. The model stays awake until it is released, or taken away. */
export class HostLease {
  /** The engine's id: the key in `models`, also when an alias was asked for. */
  readonly model: string
  readonly #lease: Lease
  readonly #endpoint: Endpoint

  constructor (lease: Lease, endpoint: Endpoint) {
    this.model = lease.model
    this.#lease = lease
    this.#endpoint = endpoint
  }

  /** Aborted, with an `LlmuxError` as its reason, when the lease is taken away: to drain at its limit, or to close. */
  get signal (): AbortSignal {
    return this.#lease.signal
  }

  /**
   * Calls the engine behind the lease, `lease.fetch('/v1/chat/completions', { method: 'POST', … })`. The call is broken
   * off when the lease is taken away; it does not release the lease at its end.
   *
   * @throws {LeaseEndedError} The lease has been released or taken away, or its engine has died.
   */
  async fetch (path: string, init: RequestInit = {}): Promise<Response> {
    if (this.#lease.ended) throw new LeaseEndedError(this.model, { cause: this.#lease.error })
    const { origin, dispatcher, apiKey } = this.#endpoint
    const signals = init.signal == null ? [this.signal] : [this.signal, init.signal as AbortSignal]
    const headers = new Headers(init.headers)
    if (apiKey !== undefined) headers.set('authorization', `Bearer ${apiKey}`)
    return await fetch(new URL(path, origin), { ...init, headers, dispatcher, signal: AbortSignal.any(signals) })
  }

  /** Gives the lease back. A second time does nothing. */
  release (): void {
    this.#lease.release()
  }
}
