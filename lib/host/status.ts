import type { EngineState, StartStage, TransitionPhase } from '../events.ts'
import type { KnownCosts, SleepLevel } from '../options/index.ts'
import type { StartCause } from '../start-causes.ts'
import type { PastSwitch } from './switch-history.ts'

// What `fastify.llmux.status()` says, for whoever reads it in an editor. Times are milliseconds since the epoch, durations milliseconds.

/** How far a start has come, from what the engine writes. */
export interface StartStatus {
  /** What it is doing. */
  stage: StartStage
  /** Shards loaded, or graphs captured; undefined if the stage does not count. */
  done: number | undefined
  /** Of so many. */
  total: number | undefined
  /** Since its process was made. */
  elapsed: number
  /** Until it is there, estimated from its last start; undefined before there was one. */
  remaining: number | undefined
}

/** What has been measured of a model's requests. */
export interface LearnedStatus {
  /** How long a request stays in its engine on average. */
  serviceTime: number
  /** How long it takes on average until those in flight are done. */
  drainTime: number
  /** How long it takes on average, for each request that its engine was frozen with, from the wake until it goes on. */
  thawTime: number
  /** Requests per millisecond, over the last minute. */
  arrivalRate: number
  /** How many have waited for it on average over the last 300 s. */
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
  /** The GPUs it lives on, by index. */
  gpus: readonly number[]
  /** An update has taken it out: it serves those that it has, and goes. */
  leaving: boolean
  /** What its engine is doing. */
  state: EngineState
  /** Since when. */
  since: number
  /** How deep it sleeps, if it does. */
  level: 1 | 2 | undefined
  /** What went wrong, if that is why it is as it is. `lastLines` of it are for operators. */
  error: Error | undefined
  /** Why its last start came to nothing, while nothing has been tried since. */
  startCause: StartCause | undefined
  /** How far its start has come, while there is one. */
  progress: StartStatus | undefined
  /** Starts that failed in a row. */
  failures: number
  /** When it may be started again after those; undefined if it may be now. */
  retryAt: number | undefined
  /** Its processes cannot be ended: nothing else is started on its GPUs. */
  holdsGpu: boolean
  /** Its process group, which is its first process's number; undefined if there is none. */
  pid: number | undefined
  /** The last 20 lines of its output, without vLLM's banner; also after its end. */
  lastLines: string[]
  /** How deep it sleeps when it has to go. */
  sleepLevel: SleepLevel
  /** Whether its requests are frozen when it has to go: the option, and what its engine can do. */
  freeze: boolean | 'late'
  /** Requests, and leases of yours, that hold it awake. */
  inFlight: number
  /** Requests in its queue, without those that are frozen. */
  waiting: number
  /** Requests whose engine sleeps in the midst of them. */
  frozen: number
  /** Since when it sleeps with them; undefined if there are none. */
  frozenSince: number | undefined
  /** Requests in its queue that may not cause a switch. */
  passive: number
  /** When the one came that waits longest, as its priority counts; undefined if nobody waits. */
  oldest: number | undefined
  /** What has been measured of it. */
  learned: LearnedStatus
}

/** A switch that is under way. */
export interface TransitionStatus {
  /** What is being done. */
  phase: TransitionPhase
  /** Since when. */
  since: number
  /** The model that is to be awake at its end; undefined if one is only to go. */
  wake: string | undefined
  /** The models that must go. */
  evict: string[]
  /** Why, in words. */
  reason: string
  /** The id of the request that caused it (`request.id`), if one did. */
  request: string | undefined
}

/** GPU memory as last looked at. Bytes. */
export interface GpuMemoryStatus {
  /** Its index. */
  gpu: number
  /** In use, by whomever. */
  used: number
  /** In all. */
  total: number
  /** When it was looked at. */
  time: number
}

/** How long a request waits at most, while engines work. */
export interface LongestWait {
  /** By the policy, with what has been learned so far; undefined for a function of your own. */
  policy: number | undefined
  /** By `timeouts.queue`. */
  queue: number
  /** What is promised: the smaller of the two. */
  promised: number
}

/** What is going on, and why. */
export interface LlmuxStatus {
  /** Requests that wait, all models together; those that are frozen are not in it. */
  waiting: number
  /** Bytes of their bodies. */
  waitingBytes: number
  /** The models that the policy does not leave. */
  pinned: string[]
  /** What is paused: switching, or traffic with it. */
  paused: 'switching' | 'traffic' | undefined
  /** New requests are refused, since the gateway is to go. */
  draining: boolean
  /** The models whose requests are refused. */
  disabled: string[]
  /** The models, in the order of the option; those that are leaving, too. */
  models: ModelStatus[]
  /** Switches under way; one at most for each GPU. */
  transitions: TransitionStatus[]
  /** The last 20 switches, latest first: what they cost, and why one failed. */
  switches: PastSwitch[]
  /** By index, as last looked at; empty where nobody can look. */
  gpuMemory: GpuMemoryStatus[]
  /** What switches have cost on average, as policies are told. */
  costs: KnownCosts
  /** How long a request waits at most. */
  longestWait: LongestWait
}
