import { call } from './callback.ts'

/** How a lease came to its end. `lost`: its engine died. `cut`: it was taken away, to drain or to close. */
export type LeaseEnd = 'released' | 'cut' | 'lost'

export interface LeaseOptions {
  id: number
  /** The engine's id. */
  model: string
  /** The id of the host's request. */
  request?: string | undefined
  /** When it was granted, in milliseconds since the epoch. */
  since: number
  /** Whether its engine may be put to sleep in the midst of its answer. Default true. */
  freezable?: boolean | undefined
  /** From -5 to 5. Default 0. */
  priority?: number | undefined
  onEnd: (lease: Lease, how: LeaseEnd) => void
}

/**
 * One admitted request's hold on an awake model: from admission until the engine's last byte has arrived, or its end by
 * any other way. While its engine sleeps it is frozen. It ends exactly once; ending it again does nothing.
 */
export class Lease {
  readonly id: number
  readonly model: string
  readonly request: string | undefined
  readonly since: number
  readonly freezable: boolean
  readonly priority: number
  /** When it was granted, frozen or thawed, whichever was last. Milliseconds since the epoch. */
  changedAt: number
  readonly #onEnd: LeaseOptions['onEnd']
  #paused = 0
  #frozen = false
  #how: LeaseEnd | undefined
  #error: Error | undefined
  #controller: AbortController | undefined
  #whenCut: ((error: Error) => void) | undefined
  #whenFrozen: ((frozen: boolean) => void) | undefined
  #output = 0
  #whenOutput: (() => void) | undefined

  constructor ({ id, model, request, since, freezable = true, priority = 0, onEnd }: LeaseOptions) {
    this.id = id
    this.model = model
    this.request = request
    this.since = this.changedAt = since
    this.freezable = freezable
    this.priority = priority
    this.#onEnd = onEnd
  }

  get ended (): boolean {
    return this.#how !== undefined
  }

  /** Bytes of the engine's answer so far, as whoever holds it has counted them. */
  get output (): number {
    return this.#output
  }

  set output (bytes: number) {
    this.#output = bytes
    const whenOutput = this.#whenOutput
    this.#whenOutput = undefined
    if (whenOutput !== undefined) call(whenOutput)
  }

  /** Has somebody called once, when the next bytes of the answer come; not if it ends or is frozen before. */
  whenOutput (callback: () => void): void {
    this.#whenOutput = callback
  }

  /** Whether its engine sleeps: no bytes come until it is woken, and nothing is lost. */
  get frozen (): boolean {
    return this.#frozen
  }

  /** Why it was cut or lost; undefined if it was not. */
  get error (): Error | undefined {
    return this.#error
  }

  /** Milliseconds it has been frozen, all times together but the one that lasts. */
  get paused (): number {
    return this.#paused
  }

  /** Milliseconds that its engine has worked on it. */
  served (now: number): number {
    return (this.#frozen ? this.changedAt : now) - this.since - this.#paused
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

  /** Has its holder called when it is frozen, and when it is thawed or lost. */
  whenFrozen (callback: (frozen: boolean) => void): void {
    this.#whenFrozen = callback
  }

  /** `announce` is called with when it had been granted or thawed, before its holder hears of it. */
  freeze (now: number, announce: (since: number) => void): void {
    this.#turn(true, now, announce)
  }

  /** `announce` is called with when it had been frozen, before its holder hears of it. */
  thaw (now: number, announce: (since: number) => void): void {
    this.#paused += now - this.changedAt
    this.#turn(false, now, announce)
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

  #turn (frozen: boolean, now: number, announce: (since: number) => void): void {
    const since = this.changedAt
    this.#whenOutput = undefined
    this.#frozen = frozen
    this.changedAt = now
    announce(since)
    if (this.#whenFrozen !== undefined) call(this.#whenFrozen, frozen)
  }

  #end (how: LeaseEnd, error?: Error): void {
    if (this.ended) return
    this.#how = how
    this.#error = error
    const whenCut = this.#whenCut
    const whenFrozen = this.#whenFrozen
    // Sets let go of what was in them only after a while: whoever held it is not to be kept until then.
    this.#whenCut = this.#whenFrozen = this.#whenOutput = undefined
    // What waits to be sent once its engine is awake is not to wait for one that has died.
    if (how === 'lost' && this.#frozen && whenFrozen !== undefined) call(whenFrozen, false)
    // First its holder lets go of the engine, then whoever has waited for that may put the engine to sleep.
    if (how === 'cut') {
      if (whenCut !== undefined) call(whenCut, error!)
      this.#controller?.abort(error)
    }
    this.#onEnd(this, how)
  }
}
