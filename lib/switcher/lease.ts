import { call } from './callback.ts'

/** How a lease ended. `lost`: its engine died. `cut`: it was taken away, by a drain or a close. */
export type LeaseEnd = 'released' | 'cut' | 'lost'

export interface LeaseOptions {
  id: number
  /** The engine's id. */
  model: string
  /** The id of Fastify's request (`request.id`). */
  request?: string | undefined
  /** When it was granted, in milliseconds since the epoch. */
  since: number
  /** Milliseconds that it had waited until then. Default 0. */
  waited?: number | undefined
  /** Whether its engine may go to sleep before its answer is complete. Default true. */
  freezable?: boolean | undefined
  /** From -5 to 5. Default 0. */
  priority?: number | undefined
  onEnd: (lease: Lease, how: LeaseEnd) => void
}

/**
 * One admitted request's hold on an awake model: from admission until the engine's last byte, or any other end. While its
 * engine sleeps it is frozen. It ends exactly once; ending it again does nothing.
 */
export class Lease {
  readonly id: number
  readonly model: string
  readonly request: string | undefined
  readonly since: number
  /** Milliseconds that it had waited when it was granted. */
  readonly waited: number
  readonly freezable: boolean
  readonly priority: number
  /** When it was granted, frozen or thawed, whichever came last. Milliseconds since the epoch. */
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

  constructor ({ id, model, request, since, waited = 0, freezable = true, priority = 0, onEnd }: LeaseOptions) {
    this.id = id
    this.model = model
    this.request = request
    this.since = this.changedAt = since
    this.waited = waited
    this.freezable = freezable
    this.priority = priority
    this.#onEnd = onEnd
  }

  get ended (): boolean {
    return this.#how !== undefined
  }

  /** Bytes of the engine's answer so far, as its holder counted them. */
  get output (): number {
    return this.#output
  }

  set output (bytes: number) {
    this.#output = bytes
    const whenOutput = this.#whenOutput
    this.#whenOutput = undefined
    if (whenOutput !== undefined) call(whenOutput)
  }

  /** Calls back once, at the next bytes of the answer; not if the lease ends or is frozen first. */
  whenOutput (callback: () => void): void {
    this.#whenOutput = callback
  }

  /** Whether its engine sleeps: no bytes arrive until it wakes, and nothing is lost. */
  get frozen (): boolean {
    return this.#frozen
  }

  /** Why it was cut or lost; undefined if it was not. */
  get error (): Error | undefined {
    return this.#error
  }

  /** Milliseconds that it was frozen, in total, without the present time. */
  get paused (): number {
    return this.#paused
  }

  /** Milliseconds that its engine has worked on it. */
  served (now: number): number {
    return (this.#frozen ? this.changedAt : now) - this.since - this.#paused
  }

  /**
   * Aborts, with an `LlmuxError` as its reason, when the lease is taken away: the holder must stop using the engine. It does
   * not abort when the engine dies: connections break by themselves, after the bytes that had arrived.
   */
  get signal (): AbortSignal {
    // Created on demand: most leases end without anyone reading it.
    this.#controller ??= new AbortController()
    if (this.#how === 'cut') this.#controller.abort(this.#error)
    return this.#controller.signal
  }

  /**
   * Calls the holder first when the lease is taken away, as `signal` reports it: a signal for each request would cost as
   * much as its way through the switcher.
   */
  whenCut (callback: (error: Error) => void): void {
    this.#whenCut = callback
  }

  /** Calls the holder when the lease is frozen, and when it is thawed or lost. */
  whenFrozen (callback: (frozen: boolean) => void): void {
    this.#whenFrozen = callback
  }

  /** Calls `announce` with the time of grant or thaw before the holder learns of it. */
  freeze (now: number, announce: (since: number) => void): void {
    this.#turn(true, now, announce)
  }

  /** Calls `announce` with the time of the freeze before the holder learns of it. */
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
    // A Set keeps its former members for a while: this releases the holder at once.
    this.#whenCut = this.#whenFrozen = this.#whenOutput = undefined
    // Requests that wait for their engine to wake must not wait for one that has died.
    if (how === 'lost' && this.#frozen && whenFrozen !== undefined) call(whenFrozen, false)
    // First the holder lets go of the engine; only then may it go to sleep.
    if (how === 'cut') {
      if (whenCut !== undefined) call(whenCut, error!)
      this.#controller?.abort(error)
    }
    this.#onEnd(this, how)
  }
}
