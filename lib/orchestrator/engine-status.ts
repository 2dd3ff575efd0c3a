import type { Clock } from '../clock.ts'
import type { LlmuxError } from '../errors.ts'
import type { EngineChange, EngineState, LlmuxEvents, WakeSteps } from '../events.ts'

export interface StatusContext {
  id: string
  clock: Clock
  events: LlmuxEvents
}

export interface Details {
  level?: 1 | 2 | undefined
  frozen?: number | undefined
  pid?: number | undefined
  memory?: number | undefined
  steps?: WakeSteps | undefined
  freed?: number | undefined
  kept?: number | undefined
  sleepTime?: number | undefined
  error?: Error | undefined
}

/** The state of an engine, since when and why, reported to all listeners. */
export class EngineStatus {
  /** The id of the request (`request.id`) that the present operation is for. */
  request: string | undefined
  readonly #context: StatusContext
  #state: EngineState = 'stopped'
  #since: number
  #level: 1 | 2 | undefined
  #error: Error | undefined

  constructor (context: StatusContext) {
    this.#context = context
    this.#since = context.clock.now()
  }

  get state (): EngineState {
    return this.#state
  }

  get since (): number {
    return this.#since
  }

  get level (): 1 | 2 | undefined {
    return this.#level
  }

  get error (): Error | undefined {
    return this.#error
  }

  /** Changes the state; the returned function notifies the listeners. */
  enter (to: EngineState, reason: string, { level, frozen, pid, memory, steps, freed, kept, sleepTime, error }: Details = {}): () => void {
    const { id, clock, events } = this.#context
    const time = clock.now()
    const { startCause }: Partial<LlmuxError> = error ?? {}
    const change: EngineChange = {
      time,
      model: id,
      from: this.#state,
      to,
      reason,
      duration: time - this.#since,
      ...(level !== undefined && { level }),
      ...(frozen !== undefined && { frozen }),
      ...(pid !== undefined && { pid }),
      ...(memory !== undefined && { memory }),
      ...(steps !== undefined && { steps }),
      ...(freed !== undefined && { freed }),
      ...(kept !== undefined && { kept }),
      ...(sleepTime !== undefined && { sleepTime }),
      ...this.#cause,
      ...(error !== undefined && { error }),
      ...(startCause !== undefined && { startCause })
    }
    this.#state = to
    this.#since = time
    this.#level = level
    this.#error = error
    return () => { events.emit('engine', change) }
  }

  change (to: EngineState, reason: string, details?: Details): void {
    this.enter(to, reason, details)()
  }

  warn (error: Error): void {
    const { id, clock, events } = this.#context
    events.emit('warning', { time: clock.now(), model: id, error, ...this.#cause })
  }

  get #cause () {
    return this.request !== undefined && { request: this.request }
  }
}
