// What the operators' routes answer, as far as the page reads it. Times are milliseconds since the epoch, durations milliseconds.

export type EngineState = 'stopped' | 'starting' | 'awake' | 'sleeping' | 'asleep' | 'waking' | 'stopping' | 'failed'
export type Phase = 'idle' | 'checking' | 'draining' | 'evicting' | 'waking'

export interface ErrorText { code?: string, message: string, causeLine?: string, lastLines?: string[] }

export interface Progress { stage: string, done?: number, total?: number, elapsed: number, remaining?: number }

export interface Model {
  name: string
  aliases: string[]
  adapters: string[]
  gpus: number[]
  leaving: boolean
  state: EngineState
  since: number
  level?: number
  error?: ErrorText
  progress?: Progress
  failures: number
  retryAt?: number
  pid?: number
  lastLines: string[]
  inFlight: number
  waiting: number
  passive: number
  /** At which it makes way; missing if it never sleeps. */
  sleepLevel?: number
  /** What happens to requests in flight when it has to make room. */
  freeze: boolean | 'late'
  /** Requests that are frozen in its engine while it sleeps. */
  frozen?: number
  frozenSince?: number
  oldest?: number
  learned: { serviceTime: number, drainTime: number, thawTime: number, arrivalRate: number, averageWaiting: number }
}

export interface RunningTransition { phase: Phase, since: number, wake?: string, evict: string[], reason: string, request?: string }

export interface Status {
  waiting: number
  waitingBytes: number
  pinned: string[]
  paused?: 'switching' | 'traffic'
  disabled: string[]
  models: Model[]
  transitions: RunningTransition[]
  gpuMemory: Array<{ gpu: number, used: number, total: number, time: number }>
  costs: { initial: number, wakes: Record<string, Record<string, number>>, starts: Record<string, number> }
  longestWait?: number
}

export interface Waiting {
  id: number
  request?: string
  model: string
  since: number
  position: number
  wait: number
  priority: number
  mayCauseSwitch: boolean
  route?: string
}

export interface InFlight {
  id: number
  request?: string
  model: string
  since: number
  output: number
  route?: string
  arrived?: number
  heard?: number
  frozen?: boolean
}

export interface Decision { wake?: string, evict: string[], lookAgainAt?: number }

export interface Overview {
  time: number
  status: Status
  waiting: Waiting[]
  inFlight: InFlight[]
  next?: Decision
  hostMemory?: { total: number, available: number, models: Record<string, number> }
  /** Who holds GPU memory: a model, or a process of somebody else's. Missing where nothing tells. */
  gpuHolders?: Array<{ gpu: number, bytes: number, model?: string, pid?: number, program?: string }>
}

export interface EngineChange {
  time: number
  model: string
  from: EngineState
  to: EngineState
  reason: string
  duration: number
  level?: number
  frozen?: number
  error?: ErrorText
}

export interface TransitionChange {
  time: number
  model: string
  from: Phase
  to: Phase
  reason: string
  wake?: string
  evict: string[]
  request?: string
  phases: Partial<Record<Phase, number>>
  steps?: Record<string, number>
  outcome?: 'done' | 'failed' | 'undone'
  frozen?: number
  error?: ErrorText
}

export interface ResponseEnd {
  time: number
  request?: string
  model?: string
  route: string
  status?: number
  outcome: 'ok' | 'client_error' | 'overloaded' | 'server_error' | 'cut' | 'left'
  code?: string
  reason?: string
  queued: number
  firstByte?: number
  duration: number
  replays: number
  received: number
  sent: number
}

export type Count = [inFlight: number, waiting: number, frozen: number]
export interface Counts { time: number, models: Record<string, Count> }

export interface History { time: number, engines: EngineChange[], transitions: TransitionChange[], responses: ResponseEnd[], counts: Counts[] }
