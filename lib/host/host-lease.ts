import { EventEmitter, once } from 'node:events'
import { fetch, Headers } from 'undici'
import type { RequestInit, Response } from 'undici'
import { LeaseEndedError } from '../errors.ts'
import type { Endpoint } from '../orchestrator/driver.ts'
import type { Lease } from '../switcher/lease.ts'

/**
 * A hold on an awake model for the host's own routes, until it is released, or taken away. Its engine may be put to sleep
 * meanwhile: then the lease is frozen, calls of its engine get no bytes, and go on when it is awake again. Emits `frozen`
 * and `thawed`.
 */
export class HostLease extends EventEmitter<{ frozen: [], thawed: [] }> {
  /** The engine's id: the key in `models`, also when an alias was asked for. */
  readonly model: string
  readonly #lease: Lease
  readonly #endpoint: Endpoint

  constructor (lease: Lease, endpoint: Endpoint) {
    super()
    this.model = lease.model
    this.#lease = lease
    this.#endpoint = endpoint
    lease.whenFrozen(frozen => this.emit(frozen ? 'frozen' : 'thawed'))
  }

  /** Whether its engine sleeps. */
  get frozen (): boolean {
    return this.#lease.frozen && !this.#lease.ended
  }

  /** Aborted, with an `LlmuxError` as its reason, when the lease is taken away: to drain at its limit, or to close. */
  get signal (): AbortSignal {
    return this.#lease.signal
  }

  /**
   * Calls the engine behind the lease, `lease.fetch('/v1/chat/completions', { method: 'POST', … })`, once it is awake. The
   * call is broken off when the lease is taken away; it does not release the lease at its end.
   *
   * @throws {LeaseEndedError} The lease has been released or taken away, or its engine has died.
   */
  async fetch (path: string, init: RequestInit = {}): Promise<Response> {
    const signals = init.signal == null ? [this.signal] : [this.signal, init.signal as AbortSignal]
    const signal = AbortSignal.any(signals)
    if (this.frozen) await once(this, 'thawed', { signal })
    if (this.#lease.ended) throw new LeaseEndedError(this.model, { cause: this.#lease.error })
    const { origin, dispatcher, apiKey } = this.#endpoint
    const headers = new Headers(init.headers)
    if (apiKey !== undefined) headers.set('authorization', `Bearer ${apiKey}`)
    return await fetch(new URL(path, origin), { ...init, headers, dispatcher, signal })
  }

  /** Gives the lease back. A second time does nothing. */
  release (): void {
    this.#lease.release()
  }
}
