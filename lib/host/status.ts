import type { EngineState, StartStage, TransitionPhase } from '../events.ts'
import type { SleepReport } from '../engines/index.ts'
import type { KnownCosts, SleepLevel } from '../options/index.ts'
import type { StartCause } from '../start-causes.ts'
import type { PastSwitch } from './switch-history.ts'

// The result of `fastify.llmux.status()`. Times are milliseconds since the epoch, durations milliseconds.

/** The progress of a start, from the engine's output. */
export interface StartStatus {
  /** What the engine does. */
  stage: StartStage
  /** Shards loaded, or graphs captured; undefined if the stage counts nothing. */
  done: number | undefined
  /** Of so many. */
  total: number | undefined
  /** Since its process was created. */
  elapsed: number
  /** Time left, estimated from its last start; undefined before the first. */
  remaining: number | undefined
}

/** Measurements of a model's requests. */
export interface LearnedStatus {
  /** Average time of a request in its engine. */
  serviceTime: number
  /** Average time until the requests in flight are done. */
  drainTime: number
  /** How much longer its next sleep takes because it is the first of its processes, in which host memory is pinned; 0 for others, and until one has been seen. */
  firstSleep: number
  /** Average time from the wake until the requests continue, for each frozen request. */
  thawTime: number
  /** Requests per millisecond, over the last minute. */
  arrivalRate: number
  /** Average number of waiting requests over the last 300 s. */
  averageWaiting: number
}

/** One model, its engine and its requests. */
export interface ModelStatus {
  /** The key in `models`. */
  name: string
  /** Its other names. */
  aliases: string[]
  /** Its LoRA adapters, which are names for the same engine. */
  adapters: string[]
  /** The adapters that the gateway has loaded, the one first that has not been used for longest. */
  loadedAdapters: string[]
  /** The GPUs it lives on, by index. */
  gpus: readonly number[]
  /** The part of each of them that it takes: the option. */
  gpuShare: number
  /** An update has removed it: it serves the requests that it has, and goes. */
  leaving: boolean
  /** The state of its engine. */
  state: EngineState
  /** Since when. */
  since: number
  /** Its sleep level, while it sleeps. */
  level: 1 | 2 | undefined
  /** The error that led to this state. Its `lastLines` are for operators. */
  error: Error | undefined
  /** Why its last start failed, as long as no other has been tried. */
  startCause: StartCause | undefined
  /** The progress of its start, while it starts. */
  progress: StartStatus | undefined
  /** Failed starts in a row. */
  failures: number
  /** When it may start again after them; undefined if it may now. */
  retryAt: number | undefined
  /** Its processes cannot be stopped: no other engine starts on its GPUs. */
  holdsGpu: boolean
  /** Its process group, which is the pid of its first process; undefined if there is none. */
  pid: number | undefined
  /** The last 20 lines of its output, without vLLM's banner; also after its end. */
  lastLines: string[]
  /** The level at which it makes room for other models. */
  sleepLevel: SleepLevel
  /** Bytes of host memory that its processes held when they were last looked at, about their first sleep at level 1; undefined before. */
  hostMemory: number | undefined
  /** What the engine itself has said of its last sleep and wake: bytes of one GPU, milliseconds. Undefined if nothing. */
  lastSleep: SleepReport | undefined
  /** Whether its requests are frozen when it makes room: the part of the option that its engine supports. */
  freeze: boolean | 'late'
  /** Requests in flight, and leases of your own code. */
  inFlight: number
  /** Requests in its queue, without frozen ones. */
  waiting: number
  /** Requests that are frozen while its engine sleeps. */
  frozen: number
  /** Since when they are frozen; undefined if there are none. */
  frozenSince: number | undefined
  /** Requests in its queue that may not cause a switch. */
  passive: number
  /** The arrival of the request that waits longest, as its priority counts; undefined if none waits. */
  oldest: number | undefined
  /** Measurements of its requests. */
  learned: LearnedStatus
}

/** A switch in progress. */
export interface TransitionStatus {
  /** Its phase. */
  phase: TransitionPhase
  /** Since when. */
  since: number
  /** The model that will be awake; undefined if the switch only puts models to sleep. */
  wake: string | undefined
  /** The models that make room. */
  evict: string[]
  /** Why, in words. */
  reason: string
  /** The id of the request that caused it (`request.id`), if one did. */
  request: string | undefined
}

/** GPU memory as last read. Bytes. */
export interface GpuMemoryStatus {
  /** The GPU's index. */
  gpu: number
  /** In use, by any process. */
  used: number
  /** In all. */
  total: number
  /** When it was read. */
  time: number
}

/** The longest time that a request waits, as long as engines work. */
export interface LongestWait {
  /** The policy's bound, with the costs learned so far; undefined for a policy function of your own. */
  policy: number | undefined
  /** The bound by `timeouts.queue`. */
  queue: number
  /** The promise: the smaller of the two. */
  promised: number
}

/** The present state, and why. */
export interface LlmuxStatus {
  /** Waiting requests of all models together, without frozen ones. */
  waiting: number
  /** Bytes of their bodies. */
  waitingBytes: number
  /** The models that the policy does not leave. */
  pinned: string[]
  /** What is paused: switching, or traffic as well. */
  paused: 'switching' | 'traffic' | undefined
  /** Whether the gateway refuses new requests, because it is being taken out of service. */
  draining: boolean
  /** The models whose requests are refused. */
  disabled: string[]
  /** The models, in the order of the option, including leaving ones. */
  models: ModelStatus[]
  /** Switches in progress; at most one for each GPU. */
  transitions: TransitionStatus[]
  /** The last 20 switches, latest first: what they cost, and why one failed. */
  switches: PastSwitch[]
  /** By index, as last read; empty if this machine cannot tell. */
  gpuMemory: GpuMemoryStatus[]
  /** Bytes of host memory that the engines may hold together; undefined if there is no limit. */
  hostMemoryLimit: number | undefined
  /** Average costs of switches, as policies see them. */
  costs: KnownCosts
  /** The longest time that a request waits. */
  longestWait: LongestWait
}
