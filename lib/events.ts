import { EventEmitter } from 'node:events'

/** The life of one engine. */
export type EngineState = 'stopped' | 'starting' | 'awake' | 'sleeping' | 'asleep' | 'waking' | 'stopping' | 'failed'

/** The phases of one transition: making one model awake, or putting models to sleep. */
export type TransitionPhase = 'idle' | 'checking' | 'draining' | 'evicting' | 'waking'

/** The way of one request (or of a lease that the host asked for). */
export type RequestState = 'arrived' | 'queued' | 'granted' | 'released' | 'cut' | 'lost' | 'left' | 'refused'

/** One change of state. */
export interface StateChange<State extends string> {
  /** Milliseconds since the epoch. */
  time: number
  /** The engine's id: the key in `models`. */
  model: string
  from: State
  to: State
  /** Why, in words. */
  reason: string
  /** Milliseconds spent in `from`. */
  duration: number
  /** What went wrong, if that is the reason. */
  error?: Error
}

export interface EngineChange extends StateChange<EngineState> {
  /** The level it sleeps at, if `to` is `sleeping` or `asleep`. */
  level?: 1 | 2
  /** The process group, while there is one. */
  pid?: number
  /** Milliseconds spent waiting for GPU memory to come back, if `to` is `awake` and there was a wait. */
  memory?: number
}

export interface TransitionChange extends StateChange<TransitionPhase> {
  /** The models that must go for it. */
  evict: string[]
  /** Milliseconds of each phase that is over; on the change to `idle`, of all. */
  phases: Partial<Record<TransitionPhase, number>>
}

export interface RequestChange extends StateChange<RequestState> {
  /** The lease's or waiter's number, unique in this process. */
  id: number
  /** Bytes of its body, if `from` is `arrived`. */
  input?: number
  /** Bytes of the engine's answer, as far as they are known, if `from` is `granted`. */
  output?: number
}

/** Something went wrong that did not change a state. */
export interface Warning {
  time: number
  /** Undefined if it concerns no model in particular. */
  model: string | undefined
  error: Error
}

export interface LlmuxEventMap {
  engine: [EngineChange]
  transition: [TransitionChange]
  request: [RequestChange]
  warning: [Warning]
}

/** The one stream of all state changes. Logs, status and everything that looks on are readers of it. */
export class LlmuxEvents extends EventEmitter<LlmuxEventMap> {
  // Events are emitted in the middle of a decision: a listener that throws must not tear it in half. It is the
  // process that is told, as with any error that nobody catches.
  override emit<Name extends keyof LlmuxEventMap> (name: Name, ...args: any[]): boolean {
    try {
      return super.emit(name as any, ...args as any)
    } catch (error) {
      process.nextTick(() => { throw error })
      return true
    }
  }
}
