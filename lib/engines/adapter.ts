import type { StartStage } from '../events.ts'
import type { StartCause } from '../start-causes.ts'

/** Where an engine is told to listen: never on more than this machine's loopback. */
export type Address = { port: number } | { socket: string }

/** What becomes of requests in flight: they are waited for, or kept and gone on with when the engine is woken. */
export type SleepMode = 'wait' | 'keep'

/** One call on the way back from a sleep. */
export type WakeStep = 'wake' | 'wake weights' | 'wake kv_cache' | 'reload' | 'resetPrefixCache'

/** What a line of an engine's output tells of its start. */
export interface StageSign {
  stage: StartStage
  /** So many of `total`, where the stage counts. */
  done?: number
  total?: number
}

/** What an engine says of a sleep or a wake, by its own watch. A line has a part of it. */
export interface SleepReport {
  /** Bytes of one GPU that the sleep gave back. */
  freed?: number
  /** Bytes of one GPU that it still holds asleep. Comes with `freed`. */
  kept?: number
  /** Milliseconds that going to sleep took. */
  sleepTime?: number
  /** Milliseconds that waking took. */
  wakeTime?: number
}

/** Why a start came to nothing, and the line that says it. */
export interface RecognisedCause {
  cause: StartCause
  line: string
}

/** What an engine is started with. */
export interface Launch {
  /** The key in `models`. */
  model: string
  path: string
  /** The name and its aliases. */
  servedNames: string[]
  /** The words of the option `command`, or of the adapter's own. */
  command: string[]
  address: Address
  /** How many GPUs it takes. */
  gpus: number
  /** Its GPUs as the environment names them, in a list with commas; undefined if the engine is told nothing. */
  devices: string | undefined
  /** Whether the engine is to be started so that it can sleep. */
  sleepMode: boolean
  sleepLevel: 1 | 2 | 3
  /** The share of each GPU's memory that it is to take; undefined: its own default, or what `args` says. */
  memoryShare?: number | undefined
  args: string[]
}

/** Calls to a running engine, under the time limit of what they are for. They carry its key. */
export interface EngineCalls {
  /** The name by which the engine knows the model. */
  readonly model: string
  /** What it has loaded. */
  readonly path: string
  /** GET: the status of the answer. Rejects where there is no answer. */
  status (path: string): Promise<number>
  /** GET: the answer, from JSON. */
  json (path: string): Promise<unknown>
  /** POST, with JSON if there is a body. Rejects with what the engine says unless it answers 200. */
  order (path: string, body?: unknown): Promise<void>
  /** The same, with the status of the answer. Rejects from 500 on. */
  post (path: string, body?: unknown): Promise<number>
}

/** What one kind of engine is asked and told. Only `name`, `levels` and `argv` are required. */
export interface EngineAdapter {
  /** As people call it. */
  readonly name: string
  /** The sleep levels that it has, the default first. Level 3, the end of its processes, every engine has. */
  readonly levels: ReadonlyArray<1 | 2 | 3>
  /** The program with its leading words. Default: the option `command` must be given. */
  readonly command?: string
  /** Environment beyond the gateway's own. Default: none. */
  readonly env?: Readonly<Record<string, string>>
  /** The variable of the environment in which the engine finds the key that requests must bring. Default: it has none. */
  readonly keyVariable?: string
  /** The path that answers 200 as soon as the engine is ready, and as long as it is healthy. Default `/health`. */
  readonly readyPath?: string
  /** Flags that are refused in `args`, and what to use instead. Default: none. */
  readonly ownFlags?: ReadonlyMap<string, string>
  /** The flag that tells it which share of each GPU's memory to take. Default: nothing is known. */
  readonly memoryFlag?: string
  /** The share that it takes without that flag, if `argv` uses `memoryShare`. Default: `memoryShare` is never given. */
  readonly defaultMemoryShare?: number
  /** The routes that it serves. Default: all that llmux knows. */
  readonly routes?: readonly string[]
  /** Lines of output that say nothing. Default: none. */
  readonly noise?: RegExp

  /** The whole command line. */
  argv (launch: Launch): string[]
  /** Whether it listens on a unix socket if it is told to. Default: it does. If not, the option `port` must be given. */
  usesSocket? (command: string[]): boolean

  /** How many GPUs the arguments tell it to take. Default: nothing is known. */
  parallelSize? (args: readonly string[]): number | undefined

  /** Whether its core answers, which a health probe may not tell. Default: the health probe. */
  responds? (calls: EngineCalls): Promise<boolean>
  /** The version that it says it is. Default: nothing is known. */
  version? (calls: EngineCalls): Promise<string | undefined>
  /** Resolves when the memory is free. Required with level 1 or 2. */
  sleep? (calls: EngineCalls, level: 1 | 2, mode: SleepMode): Promise<void>
  /** The calls that wake it from a level, in their order. Default: `wake`. */
  wakeSteps? (level: 1 | 2): readonly WakeStep[]
  /** Takes the memory back: all of it, or what the tag names. Required with level 1 or 2. */
  wake? (calls: EngineCalls, tag: 'weights' | 'kv_cache' | undefined): Promise<void>
  /** Reads the weights again. Required if `wakeSteps` has it. */
  reload? (calls: EngineCalls): Promise<void>
  /** Best effort: a failure is a warning. Required if `wakeSteps` has it. */
  resetPrefixCache? (calls: EngineCalls): Promise<void>
  /** Whether and since when it goes on after a sleep with the requests that it had. Default: it cannot. */
  readonly freeze?: {
    /** The first version that does, for people. */
    since (level: 1 | 2): string
    keeps (version: string | undefined, level: 1 | 2): boolean
    /** Whether the arguments allow it. Default: they do. */
    allowedBy? (args: readonly string[]): boolean
  }

  /** How far its start has come. Default: nothing is known. */
  readSign? (text: string): StageSign | undefined
  /** The bytes of weights that a line says have been loaded. Default: nothing is known. */
  readWeights? (line: string): number | undefined
  /** What a line says of a sleep or a wake. Default: nothing is known. */
  readSleepReport? (line: string): SleepReport | undefined
  /** What kept it from starting, from all that it wrote. Default: the last lines are told. */
  startCause? (lines: string[]): RecognisedCause | undefined
}
