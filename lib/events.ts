import { EventEmitter } from 'node:events'
import type { StartCause } from './start-causes.ts'

// The comments of types and fields become docs/reference/events.md: `npm run readme`.

/** The states of an engine. */
export type EngineState = 'stopped' | 'starting' | 'awake' | 'sleeping' | 'asleep' | 'waking' | 'stopping' | 'failed'

/** The phases of a transition: it makes one model awake, or puts models to sleep. `idle` is its end. */
export type TransitionPhase = 'idle' | 'checking' | 'draining' | 'evicting' | 'waking'

/** The states of a request, or of a lease of your own code. */
export type RequestState = 'arrived' | 'queued' | 'granted' | 'frozen' | 'released' | 'cut' | 'lost' | 'left' | 'refused'

/** The steps of bringing one engine up. `memory` waits for GPU memory; `reload` reloads weights on the way back from level 2. */
export type WakeStep = 'memory' | 'start' | 'wake' | 'reload' | 'warmUp'

/** Milliseconds of each step that was taken. */
export type WakeSteps = Partial<Record<WakeStep, number>>

/** How a transition ended. `undone`: given up, because no request needed it any more or another order took precedence. */
export type TransitionOutcome = 'done' | 'failed' | 'undone'

/**
 * How a request to one of llmux's routes ended. By status: `ok` (below 400), `overloaded` (429), `client_error` (other 4xx),
 * `server_error` (5xx). `cut`: broken off after the first byte, by the gateway or because the engine died. `left`: the client disconnected.
 */
export type ResponseOutcome = 'ok' | 'client_error' | 'overloaded' | 'server_error' | 'cut' | 'left'

/** What a starting engine does, in this order. */
export type StartStage = 'launching' | 'initializing' | 'loading' | 'compiling' | 'profiling' | 'capturing' | 'listening'

export interface Happening {
  /** Milliseconds since the epoch. */
  time: number
  /** The id of the request (`request.id`, `reqId` in the log) that caused it. For a switch, the request whose turn it was. */
  request?: string
}

export interface StateChange<State extends string> extends Happening {
  /** The key in `models`. */
  model: string
  /** The state until now. */
  from: State
  /** The state from now on. */
  to: State
  /** Why, in words. */
  reason: string
  /** Milliseconds spent in `from`. */
  duration: number
  /** What went wrong, in a sentence that is safe for clients. If an engine died, `lastLines` has the end of its output. If it did not start, `startCause` has the cause and `causeLine` the engine's own line about it, if known. */
  error?: Error
}

export interface EngineChange extends StateChange<EngineState> {
  /** The sleep level, if `to` is `sleeping` or `asleep`. */
  level?: 1 | 2
  /** The number of requests that the sleeping engine keeps until it wakes, if there are any. */
  frozen?: number
  /** The process group, while there is one. */
  pid?: number
  /** Milliseconds spent waiting for GPU memory, if `to` is `awake` and there was a wait. */
  memory?: number
  /** Bytes of one GPU that the engine says its sleep gave back, if `to` is `asleep` and it has said so by then. */
  freed?: number
  /** Bytes of one GPU that the engine says it still holds, if `to` is `asleep` and it has said so by then. */
  kept?: number
  /** Milliseconds that the engine says going to sleep took, if `to` is `asleep` and it has said so by then. */
  sleepTime?: number
  /** Milliseconds of each step of bringing the engine up, if `to` is `awake`. */
  steps?: WakeSteps
  /** Why a start failed: see [causes](../operations.md#why-a-start-fails). */
  startCause?: StartCause
}

export interface TransitionChange extends StateChange<TransitionPhase> {
  /** The models that make room. */
  evict: string[]
  /** The model that will be awake; missing if the switch only puts models to sleep. */
  wake?: string
  /** The sleep level, if the switch only puts models to sleep; 3 stops their processes. */
  level?: 1 | 2 | 3
  /** Milliseconds of each phase that is over; on the change to `idle`, of all. */
  phases: Partial<Record<TransitionPhase, number>>
  /** The number of requests that the switch froze, on the change to `idle`, if there were any. */
  frozen?: number
  /** Milliseconds of each step of the phase `waking`, on the change to `idle`; also if the switch failed. */
  steps?: WakeSteps
  /** How the switch ended, on the change to `idle`. */
  outcome?: TransitionOutcome
}

export interface RequestChange extends StateChange<RequestState> {
  /** The number of the request or lease, unique in this process. A request that is sent again gets a new one. */
  id: number
  /** Bytes of the request's body, if `from` is `arrived`. */
  input?: number
  /** Bytes of the engine's answer, as far as they are known, at the end. */
  output?: number
}

/** The only event that knows about HTTP. */
export interface ResponseEnd extends Happening {
  /** The key in `models`; undefined if the request is for none of your models. */
  model: string | undefined
  /** The route as in `knownRoutes`, without a prefix. */
  route: string
  /** The HTTP status; undefined if the client left before there was one. */
  status: number | undefined
  /** How it ended. */
  outcome: ResponseOutcome
  /** The code of the error that ended it. */
  code?: string
  /** That error in words. */
  reason?: string
  /** Milliseconds in the model's queue, in total. */
  queued: number
  /** Milliseconds from the arrival to the engine's first byte; undefined if none came. */
  firstByte: number | undefined
  /** Milliseconds from the arrival to the end. */
  duration: number
  /** The number of times that it was sent to an engine again. */
  replays: number
  /** Bytes of the request's body. */
  received: number
  /** Bytes of the engine's answer. */
  sent: number
}

export interface FirstByte extends Happening {
  /** The key in `models`. */
  model: string
  /** Milliseconds since the request was admitted. */
  duration: number
}

export interface StartProgress extends Happening {
  /** The key in `models`. */
  model: string
  /** What the engine does. */
  stage: StartStage
  /** Shards loaded, or graphs captured; missing if the stage counts nothing. */
  done?: number
  /** Of so many. */
  total?: number
  /** Milliseconds since the process was created. */
  elapsed: number
  /** Milliseconds left, estimated from the model's previous start in this process; missing at the first. */
  remaining?: number
}

export interface AdapterChange extends Happening {
  /** The key in `models`. */
  model: string
  /** The name of the LoRA adapter. */
  adapter: string
  /** Whether it was loaded; `false`: it was unloaded, to make room for another one. */
  loaded: boolean
  /** Milliseconds that it took. */
  duration: number
}

export interface ControlChange {
  /** Milliseconds since the epoch. */
  time: number
  /** What has changed, in words. */
  reason: string
  /** The models that the policy does not leave. */
  pinned: string[]
  /** What is paused: switching, or traffic as well. */
  paused: 'switching' | 'traffic' | undefined
  /** Whether the gateway refuses new requests because it is being taken out of service. */
  draining: boolean
  /** The models whose requests are refused. */
  disabled: string[]
}

export interface ModelsChange {
  /** Milliseconds since the epoch. */
  time: number
  /** What has changed, in words. */
  reason: string
  /** Keys in `models` that are new. */
  added: string[]
  /** Keys of models that drain and go. */
  removed: string[]
  /** Keys of models that are replaced when they are next idle. */
  changed: string[]
}

export interface Warning extends Happening {
  /** The key in `models`; undefined if the warning concerns no model in particular. */
  model: string | undefined
  /** What failed: its `code` is one of [these](../errors.md#warnings). */
  error: Error
}

export interface LlmuxEventMap {
  /** The engine behind a model changed its state. */
  engine: [EngineChange]
  /** A switch entered its next phase; `idle` is its end. */
  transition: [TransitionChange]
  /** A request, or a lease of your own code, changed its state. */
  request: [RequestChange]
  /** A request to one of llmux's routes is over. Requests that your hooks refused are not included. */
  response: [ResponseEnd]
  /** The first byte since the engine became awake arrived: the switch's last part that a user waits for. */
  first: [FirstByte]
  /** A start made progress, according to the engine's output. */
  progress: [StartProgress]
  /** The gateway loaded a LoRA adapter for a request, or unloaded it. */
  adapter: [AdapterChange]
  /** Something failed that changed no state. */
  warning: [Warning]
  /** An operator pinned, unpinned, disabled or enabled models, or paused or resumed switching or traffic; or the gateway drains, or accepts requests again. */
  control: [ControlChange]
  /** `fastify.llmux.update()` replaced models. */
  models: [ModelsChange]
}

export type EventName = keyof LlmuxEventMap

// An object, so that a missing name does not compile.
const names: Record<EventName, true> = { engine: true, transition: true, request: true, response: true, first: true, progress: true, adapter: true, warning: true, control: true, models: true }

/** The names of all events. */
export const eventNames = Object.freeze(Object.keys(names)) as readonly EventName[]

/** One event of any kind, with its name. */
export type NamedEvent = { [Name in EventName]: { name: Name, event: LlmuxEventMap[Name][0] } }[EventName]

/** Listens to the events of all these names. Returns a function that stops. */
export function listenToEvery<Name extends string, Named extends { name: Name, event: unknown }> (events: EventEmitter<any>, names: readonly Name[], listener: (named: Named) => void): () => void {
  const stops = names.map(name => {
    const one = (event: unknown) => listener({ name, event } as Named)
    events.on(name, one)
    return () => { events.off(name, one) }
  })
  return () => stops.forEach(stop => stop())
}

/** The one stream of all state changes. Logs, metrics and the status read it. */
export class LlmuxEvents extends EventEmitter<LlmuxEventMap> {
  /** Listens to all events. Returns a function that stops. */
  onEvery (listener: (named: NamedEvent) => void): () => void {
    return listenToEvery(this, eventNames, listener)
  }

  // Events are emitted in the middle of a decision, which a listener that throws must not interrupt. The error becomes an
  // uncaught exception of the process.
  override emit<Name extends keyof LlmuxEventMap> (name: Name, ...args: any[]): boolean {
    try {
      return super.emit(name as any, ...args as any)
    } catch (error) {
      process.nextTick(() => { throw error })
      return true
    }
  }
}
