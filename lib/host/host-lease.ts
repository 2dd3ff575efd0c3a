import { EventEmitter, once } from 'node:events'
import type { RequestInit, Response } from 'undici'
import { LeaseEndedError } from '../errors.ts'
import type { Endpoint } from '../orchestrator/driver.ts'
import type { LoraUse } from '../orchestrator/lora-loader.ts'
import type { Lease } from '../switcher/lease.ts'

/**
 * A hold on an awake model for your own routes, until you release it or it is taken away. When its engine goes to sleep the
 * lease is frozen: calls get no bytes, and continue when the engine is awake again. Emits `frozen` and `thawed`.
 */
export class HostLease extends EventEmitter<{ frozen: [], thawed: [] }> {
  /** The engine's id: the key in `models`, also if the caller used an alias. */
  readonly model: string
  readonly #lease: Lease
  readonly #endpoint: Endpoint
  readonly #adapter: LoraUse | undefined

  /** @internal */
  constructor (lease: Lease, endpoint: Endpoint, adapter?: LoraUse) {
    super()
    this.model = lease.model
    this.#lease = lease
    this.#endpoint = endpoint
    this.#adapter = adapter
    lease.whenFrozen(frozen => this.emit(frozen ? 'frozen' : 'thawed'))
  }

  /** Whether its engine sleeps. */
  get frozen (): boolean {
    return this.#lease.frozen && !this.#lease.ended
  }

  /** Aborts, with an `LlmuxError` as its reason, when the lease is taken away: at the drain limit, or when the server closes. */
  get signal (): AbortSignal {
    return this.#lease.signal
  }

  /**
   * Calls the engine, `lease.fetch('/v1/chat/completions', { method: 'POST', … })`, once it is awake. The call ends when the
   * lease is taken away; its end does not release the lease. If the lease is for a LoRA adapter with a path, that is loaded first.
   *
   * @throws {LeaseEndedError} The lease was released or taken away, or its engine died.
   * @throws {AdapterError} The engine could not load the adapter.
   */
  async fetch (path: string, init: RequestInit = {}): Promise<Response> {
    // Loaded here: most gateways take no lease, and a start need not wait for undici.
    const { fetch, Headers } = await import('undici')
    const signals = init.signal == null ? [this.signal] : [this.signal, init.signal as AbortSignal]
    const signal = AbortSignal.any(signals)
    do {
      if (this.frozen) await once(this, 'thawed', { signal })
      await this.#adapter?.load()
    } while (this.frozen)
    if (this.#lease.ended) throw new LeaseEndedError(this.model, { cause: this.#lease.error })
    const { origin, dispatcher, apiKey } = this.#endpoint
    const headers = new Headers(init.headers)
    if (apiKey !== undefined) headers.set('authorization', `Bearer ${apiKey}`)
    return await fetch(new URL(path, origin), { ...init, headers, dispatcher, signal })
  }

  /** Ends the lease. A second call does nothing. */
  release (): void {
    this.#adapter?.release()
    this.#lease.release()
  }
}
