import type { Clock } from '../../lib/clock.ts'
import { StopError } from '../../lib/errors.ts'
import type { SleepLevel } from '../../lib/options/types.ts'
import type { Done, EnginePort } from '../../lib/switcher/engine-port.ts'

export type Operation = 'prepare' | 'wake' | 'sleep'

/** Milliseconds that each operation takes. */
export type Durations = Record<Operation, number>

/** One call that the switcher made. */
export interface EngineCall {
  readonly operation: Operation
  readonly id: string
  readonly level: SleepLevel | undefined
  readonly done: Done
  /** `running`: under way. `unreported`: over, but the switcher has not been told. */
  state: 'running' | 'unreported' | 'reported'
  error: Error | undefined
}

export interface FakeEnginesOptions {
  clock: Clock
  /** Whether they go on after a sleep with the requests that they had. Default false. */
  keeping?: boolean
  /** With it calls complete by themselves after that time; without it they wait for `complete`. */
  durations?: Durations
  /** Told of an engine that died awake or asleep, as the orchestrator tells the switcher. */
  onLost?: (id: string, error: Error) => void
}

/**
 * Engines as the switcher sees them: every call is recorded, and completed by hand or after a time on the clock.
 * What they hold of the GPU is kept here as well, so that a test can compare the truth with what the switcher believes.
 */
export class FakeEngines implements EnginePort {
  /** Every call ever made, in order. */
  readonly calls: EngineCall[] = []
  /** The engines that hold their share of the GPU: awake, on the way up or down, or with processes that cannot be ended. */
  readonly onGpu = new Set<string>()
  /** The engines that answer requests. */
  readonly awake = new Set<string>()
  /** The engines whose next time awake would be a start. */
  readonly stopped = new Set<string>()
  /** Whether they go on after a sleep with the requests that they had. */
  keeping: boolean
  /** The engines whose next sleep is the first of their processes. */
  readonly fresh = new Set<string>()
  /** The engines whose processes cannot be ended. */
  readonly stuck = new Set<string>()
  onLost: (id: string, error: Error) => void
  /** Told of every call before it is carried out. */
  onCall: (call: EngineCall) => void = () => {}
  readonly #running = new Set<string>()
  readonly #options: FakeEnginesOptions
  readonly #failures = new Map<string, Error[]>()

  constructor (options: FakeEnginesOptions) {
    this.#options = options
    this.onLost = options.onLost ?? (() => {})
    this.keeping = options.keeping ?? false
  }

  prepare (id: string, done: Done): void {
    this.#call('prepare', id, undefined, done)
  }

  wake (id: string, done: Done): void {
    this.#call('wake', id, undefined, done)
  }

  sleep (id: string, level: SleepLevel | undefined, done: Done): void {
    this.#call('sleep', id, level, done)
  }

  cold (id: string): boolean {
    return this.stopped.has(id)
  }

  freezes (): boolean {
    return this.keeping
  }

  pins (id: string): boolean {
    return this.fresh.has(id)
  }

  runs (id: string): boolean {
    return this.#running.has(id)
  }

  /** Its processes have ended while it slept. */
  gone (id: string): void {
    this.#running.delete(id)
  }

  blocked (id: string): boolean {
    return this.stuck.has(id)
  }

  /** The calls the switcher has not been told the end of, as `wake a`, oldest first. */
  get pending (): string[] {
    return this.open.map(call => `${call.operation} ${call.id}`)
  }

  get open (): EngineCall[] {
    return this.calls.filter(call => call.state !== 'reported')
  }

  /** All calls as `wake a`, or `sleep a 2` where a level was named. */
  get history (): string[] {
    return this.calls.map(({ operation, id, level }) => `${operation} ${id}${level === undefined ? '' : ` ${level}`}`)
  }

  /** The next such call fails with this error: a StopError leaves its processes on the GPU. */
  failNext (operation: Operation, id: string, error: Error): void {
    const key = `${operation} ${id}`
    this.#failures.set(key, [...this.#failures.get(key) ?? [], error])
  }

  /** Ends the oldest such call and tells the switcher. Without arguments: the oldest of all. */
  complete (operation?: Operation, id?: string, error?: Error): void {
    this.report(this.finish(operation, id, error))
  }

  /** Ends calls until none is left, also those that the switcher makes meanwhile. */
  completeAll (): void {
    for (let left = 10_000; this.open.length > 0; left--) {
      if (left === 0) throw new Error('the switcher makes calls without end')
      this.complete()
    }
  }

  /** Ends a call, but keeps the switcher in the dark: an engine can die before its success is reported. */
  finish (operation?: Operation, id?: string, error?: Error): EngineCall {
    const call = this.open.find(call => (operation ?? call.operation) === call.operation && (id ?? call.id) === call.id)
    if (call === undefined) throw new Error(`no ${operation} ${id} under way, but ${this.pending.join(', ') || 'nothing'}`)
    if (call.state === 'running') this.#settle(call, error ?? this.#failures.get(`${call.operation} ${call.id}`)?.shift())
    return call
  }

  report (call: EngineCall): void {
    call.state = 'reported'
    call.done(call.error)
  }

  /** The engine's processes end by themselves. */
  die (id: string, error = new Error(`${id} died`)): void {
    this.awake.delete(id)
    this.stuck.delete(id)
    this.onGpu.delete(id)
    this.onLost(id, error)
  }

  /** What could not be ended is gone after all. */
  unstick (id: string): void {
    this.stuck.delete(id)
    this.onGpu.delete(id)
  }

  #call (operation: Operation, id: string, level: SleepLevel | undefined, done: Done): void {
    const call: EngineCall = { operation, id, level, done, state: 'running', error: undefined }
    this.onCall(call)
    this.calls.push(call)
    if (operation === 'wake') {
      this.onGpu.add(id)
      this.#running.add(id)
    }
    if (operation === 'sleep') this.awake.delete(id)
    const duration = this.#options.durations?.[operation]
    if (duration === undefined) return
    this.#options.clock.setTimeout(() => {
      if (call.state === 'running') this.#settle(call, this.#failures.get(`${operation} ${id}`)?.shift())
      if (call.state === 'unreported') this.report(call)
    }, duration)
  }

  /** An engine that had to be ended first is so no more. */
  #rise (id: string): void {
    this.stuck.delete(id)
    this.onGpu.add(id)
    this.awake.add(id)
  }

  #settle (call: EngineCall, error: Error | undefined): void {
    const { operation, id } = call
    call.state = 'unreported'
    call.error = error
    if (operation === 'prepare') return
    if (error instanceof StopError) this.stuck.add(id)
    else if (error !== undefined || operation === 'sleep') this.unstick(id)
    else this.#rise(id)
  }
}
