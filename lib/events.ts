import { EventEmitter } from 'node:events'
import type { StartCause } from './start-causes.ts'

/** The life of one engine. */
export type EngineState = 'stopped' | 'starting' | 'awake' | 'sleeping' | 'asleep' | 'waking' | 'stopping' | 'failed'

/** The phases of one transition: making one model awake, or putting models to sleep. */
export type TransitionPhase = 'idle' | 'checking' | 'draining' | 'evicting' | 'waking'

/** The way of one request (or of a lease that the host asked for). */
export type RequestState = 'arrived' | 'queued' | 'granted' | 'frozen' | 'released' | 'cut' | 'lost' | 'left' | 'refused'

/** The steps of bringing one engine up. `reload` is that of weights on the way back from level 2. */
export type WakeStep = 'memory' | 'start' | 'wake' | 'reload' | 'warmUp'

/** Milliseconds of each step that was taken. */
export type WakeSteps = Partial<Record<WakeStep, number>>

/** How a transition ended: as planned, in vain, or given up because nobody wanted it any more or something else went first. */
export type TransitionOutcome = 'done' | 'failed' | 'undone'

/**
 * How a request to one of our routes ended: answered with a status below 400, 400 to 499 (429, which asks for fewer
 * requests, apart), or from 500 on; broken off after its first byte, by us or by the engine's death; or its client left.
 */
export type ResponseOutcome = 'ok' | 'client_error' | 'overloaded' | 'server_error' | 'cut' | 'left'

/** What an engine that starts is doing, in this order. */
export type StartStage = 'launching' | 'initializing' | 'loading' | 'compiling' | 'profiling' | 'capturing' | 'listening'

/** What all events have. */
export interface Happening {
  /** Milliseconds since the epoch. */
  time: number
  /** The id of the host's request (`request.id`) that caused it, if one did. */
  request?: string
}

/** One change of state. */
export interface StateChange<State extends string> extends Happening {
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
  /** Requests that it keeps until it is woken, if `to` is `sleeping` or `asleep` and there are any. */
  frozen?: number
  /** The process group, while there is one. */
  pid?: number
  /** Milliseconds spent waiting for GPU memory to come back, if `to` is `awake` and there was a wait. */
  memory?: number
  /** What bringing it up consisted of, if `to` is `awake`. */
  steps?: WakeSteps
  /** Why its start came to nothing, if it did. */
  startCause?: StartCause
}

export interface TransitionChange extends StateChange<TransitionPhase> {
  /** The models that must go for it. */
  evict: string[]
  /** The model that is to be awake at its end; undefined if one is only to go. */
  wake?: string
  /** How deep those who go are to sleep, if nobody is to be awake in their place; 3: their processes are ended. */
  level?: 1 | 2 | 3
  /** Milliseconds of each phase that is over; on the change to `idle`, of all. */
  phases: Partial<Record<TransitionPhase, number>>
  /** Requests that were frozen for it, on the change to `idle`; left out if there were none. */
  frozen?: number
  /** What the phase `waking` consisted of, on the change to `idle`; also if it failed. */
  steps?: WakeSteps
  /** On the change to `idle`. */
  outcome?: TransitionOutcome
}

export interface RequestChange extends StateChange<RequestState> {
  /** The lease's or waiter's number, unique in this process. */
  id: number
  /** Bytes of its body, if `from` is `arrived`. */
  input?: number
  /** Bytes of the engine's answer, as far as they are known, at the end of a lease. */
  output?: number
}

/** The end of a request to one of our routes: of all that it was, the only event that knows of HTTP. */
export interface ResponseEnd extends Happening {
  /** The engine's id; undefined if the request is for no model of ours. */
  model: string | undefined
  /** The route without any prefix, as in `knownRoutes`. */
  route: string
  /** Undefined if the client left before there was one. */
  status: number | undefined
  outcome: ResponseOutcome
  /** Code of the error that it was answered with, or broken off for, and in words. */
  code?: string
  reason?: string
  /** Milliseconds in the model's queue, all times together. */
  queued: number
  /** Milliseconds from its arrival to the engine's first byte; undefined if none came. */
  firstByte: number | undefined
  /** Milliseconds from its arrival to its end. */
  duration: number
  /** How often it was sent to an engine again. */
  replays: number
  /** Bytes of its body, and of the answer's that came from the engine. */
  received: number
  sent: number
}

/** The first byte of a model's first answer since it became awake: what the first user waits for beside the switch. */
export interface FirstByte extends Happening {
  model: string
  /** Milliseconds from when the request was let in. */
  duration: number
}

/** A start goes on, as far as it can be told from what the engine writes. */
export interface StartProgress extends Happening {
  model: string
  stage: StartStage
  /** So many shards, or graphs, of `total`; undefined if the stage does not count. */
  done?: number
  total?: number
  /** Milliseconds since the process was started. */
  elapsed: number
  /** Milliseconds left, estimated from the model's last start; undefined before there was one. */
  remaining?: number
}

/** What somebody has told the switcher to keep to. */
export interface ControlChange {
  time: number
  /** What has changed, in words. */
  reason: string
  /** The models that the policy does not leave. */
  pinned: string[]
  /** What is paused: switching, or traffic with it. */
  paused: 'switching' | 'traffic' | undefined
  /** New requests are refused, since the gateway is to go. */
  draining: boolean
  /** The models whose requests are refused. */
  disabled: string[]
}

/** Other models, by `fastify.llmux.update()`. Each member lists ids: the keys in `models`. */
export interface ModelsChange {
  time: number
  /** In words. */
  reason: string
  added: string[]
  /** They drain, and go. */
  removed: string[]
  /** They are replaced when they are next idle. */
  changed: string[]
}

/** Something went wrong that did not change a state. */
export interface Warning extends Happening {
  /** Undefined if it concerns no model in particular. */
  model: string | undefined
  error: Error
}

export interface LlmuxEventMap {
  engine: [EngineChange]
  transition: [TransitionChange]
  request: [RequestChange]
  response: [ResponseEnd]
  first: [FirstByte]
  progress: [StartProgress]
  warning: [Warning]
  control: [ControlChange]
  models: [ModelsChange]
}

export type EventName = keyof LlmuxEventMap

// An object, so that a name that is missing does not compile.
const names: Record<EventName, true> = { engine: true, transition: true, request: true, response: true, first: true, progress: true, warning: true, control: true, models: true }

/** The names of all events. */
export const eventNames = Object.freeze(Object.keys(names)) as readonly EventName[]

/** One event of any kind, with its name. */
export type NamedEvent = { [Name in EventName]: { name: Name, event: LlmuxEventMap[Name][0] } }[EventName]

/** Listens to the events of all these names. Returns how to stop. */
export function listenToEvery<Name extends string, Named extends { name: Name, event: unknown }> (events: EventEmitter<any>, names: readonly Name[], listener: (named: Named) => void): () => void {
  const stops = names.map(name => {
    const one = (event: unknown) => listener({ name, event } as Named)
    events.on(name, one)
    return () => { events.off(name, one) }
  })
  return () => stops.forEach(stop => stop())
}

/** The one stream of all state changes. Logs, status and everything that looks on are readers of it. */
export class LlmuxEvents extends EventEmitter<LlmuxEventMap> {
  /** Listens to all events, for those that hand the stream on. Returns how to stop. */
  onEvery (listener: (named: NamedEvent) => void): () => void {
    return listenToEvery(this, eventNames, listener)
  }

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
