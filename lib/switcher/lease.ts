import { call } from './callback.ts'

/** How a lease came to its end. `lost`: its engine died. `cut`: it was taken away, to drain or to close. */
export type LeaseEnd = 'released' | 'cut' | 'lost'

/**
 * One admitted request's hold on an awake model: from admission until the engine's last byte has arrived, or its end by
 * any other way. It ends exactly once; ending it again does nothing.
 */
export class Lease {
  readonly id: number
  /** The engine's id. */
  readonly model: string
  /** When it was granted, in milliseconds since the epoch. */
  readonly since: number
  /** The id of the host's request, if it is one. */
  request: string | undefined
  /** Bytes of the engine's answer so far, as whoever holds it has counted them. */
  output = 0
  readonly #onEnd: (lease: Lease, how: LeaseEnd) => void
  #how: LeaseEnd | undefined
  #error: Error | undefined
  #controller: AbortController | undefined
  #whenCut: ((error: Error) => void) | undefined

  constructor (id: number, model: string, since: number, onEnd: (lease: Lease, how: LeaseEnd) => void) {
    this.id = id
    this.model = model
    this.since = since
    this.#onEnd = onEnd
  }

  get ended (): boolean {
    return this.#how !== undefined
  }

  /** Why it was cut or lost; undefined if it was not. */
  get error (): Error | undefined {
    return this.#error
  }

  /**
   * Aborted, with an `LlmuxError` as its reason, when the lease is taken away: whoever holds it must let go of the engine.
   * Not aborted when the engine dies: its connections break by themselves, after the bytes that had still arrived.
   */
  get signal (): AbortSignal {
    // Most leases end well and are never asked for it.
    this.#controller ??= new AbortController()
    if (this.#how === 'cut') this.#controller.abort(this.#error)
    return this.#controller.signal
  }

  /** Has its holder called when it is taken away, as `signal` says it, before anybody else: a signal for each request would cost as much as its way through the switcher. */
  whenCut (callback: (error: Error) => void): void {
    this.#whenCut = callback
  }

  release (): void {
    this.#end('released')
  }

  cut (error: Error): void {
    this.#end('cut', error)
  }

  lose (error: Error): void {
    this.#end('lost', error)
  }

  #end (how: LeaseEnd, error?: Error): void {
    if (this.ended) return
    this.#how = how
    this.#error = error
    const whenCut = this.#whenCut
    // Sets let go of what was in them only after a while: whoever held it is not to be kept until then.
    this.#whenCut = undefined
    // First its holder lets go of the engine, then whoever has waited for that may put the engine to sleep.
    if (how === 'cut') {
      if (whenCut !== undefined) call(whenCut, error!)
      this.#controller?.abort(error)
    }
    this.#onEnd(this, how)
  }
}
