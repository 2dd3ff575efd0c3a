import type { StartStage } from '../events.ts'
import type { StartCause } from '../start-causes.ts'

/** The address for an engine to listen on: never more than this machine's loopback. */
export type Address = { port: number } | { socket: string }

/** What happens to requests in flight: the engine finishes them first, or keeps them and continues after the wake. */
export type SleepMode = 'wait' | 'keep'

/** One call of the wake after a sleep. */
export type WakeStep = 'wake' | 'wake weights' | 'wake kv_cache' | 'reload' | 'resetPrefixCache'

/** What a line of an engine's output says about its start. */
export interface StageSign {
  stage: StartStage
  /** The count and `total`, if the stage counts. */
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

/** Why a start failed, and the line that says so. */
export interface RecognisedCause {
  cause: StartCause
  line: string
}

/** What to start an engine with. */
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
  /** Its GPUs as the environment names them, separated by commas; undefined if the engine gets no list. */
  devices: string | undefined
  /** Whether to start the engine with sleep support. */
  sleepMode: boolean
  sleepLevel: 1 | 2 | 3
  /** The share of each GPU's memory that it is to take; undefined: its own default, or what `args` says. */
  memoryShare?: number | undefined
  /** How many LoRA adapters it is to keep loaded; 0 if none are loaded while it runs. */
  adapters: number
  args: string[]
}

/** Calls to a running engine, each with its time limit. They carry the engine's key. */
export interface EngineCalls {
  /** The name by which the engine knows the model. */
  readonly model: string
  /** The path or name of what it has loaded. */
  readonly path: string
  /** GET: the status of the answer. Rejects without an answer. */
  status (path: string): Promise<number>
  /** GET: the answer's JSON. */
  json (path: string): Promise<unknown>
  /** POST, with JSON if there is a body. Rejects with the engine's message unless it answers 200. */
  order (path: string, body?: unknown): Promise<void>
  /** The same, with the status of the answer. Rejects from 500 on. */
  post (path: string, body?: unknown): Promise<number>
}

/** How to talk to one kind of engine. Only `name`, `levels` and `argv` are required. */
export interface EngineAdapter {
  /** The name for people. */
  readonly name: string
  /** Its sleep levels, the default first. Every engine has level 3, which stops its processes. */
  readonly levels: ReadonlyArray<1 | 2 | 3>
  /** The program with its leading words. Default: the option `command` is required. */
  readonly command?: string
  /** Environment variables in addition to the gateway's. Default: none. */
  readonly env?: Readonly<Record<string, string>>
  /** The environment variable with the key that requests must carry. Default: none. */
  readonly keyVariable?: string
  /** The path that answers 200 as soon as the engine is ready, and while it is healthy. Default `/health`. */
  readonly readyPath?: string
  /** Flags that `args` must not contain, and what to use instead. Default: none. */
  readonly ownFlags?: ReadonlyMap<string, string>
  /** The flag for the share of each GPU's memory. Default: unknown. */
  readonly memoryFlag?: string
  /** The share that it takes without that flag, if `argv` uses `memoryShare`. Default: `memoryShare` is never given. */
  readonly defaultMemoryShare?: number
  /** The routes that it serves. Default: all that llmux knows. */
  readonly routes?: readonly string[]
  /** Lines of output to ignore. Default: none. */
  readonly noise?: RegExp

  /** The whole command line. */
  argv (launch: Launch): string[]
  /** Whether it can listen on a unix socket. Default: yes. If not, the option `port` is required. */
  usesSocket? (command: string[]): boolean

  /** The number of GPUs in its arguments. Default: unknown. */
  parallelSize? (args: readonly string[]): number | undefined

  /** Whether its core answers, which a health probe may not show. Default: the health probe. */
  responds? (calls: EngineCalls): Promise<boolean>
  /** The version that it reports. Default: unknown. */
  version? (calls: EngineCalls): Promise<string | undefined>
  /** Resolves when the memory is free. Required with level 1 or 2. */
  sleep? (calls: EngineCalls, level: 1 | 2, mode: SleepMode): Promise<void>
  /** The calls that wake it from a level, in order. Default: `wake`. */
  wakeSteps? (level: 1 | 2): readonly WakeStep[]
  /** Allocates the memory again: all of it, or what the tag names. Required with level 1 or 2. */
  wake? (calls: EngineCalls, tag: 'weights' | 'kv_cache' | undefined): Promise<void>
  /** Loads the weights again. Required if `wakeSteps` contains it. */
  reload? (calls: EngineCalls): Promise<void>
  /** Best effort: a failure is a warning. Required if `wakeSteps` contains it. */
  resetPrefixCache? (calls: EngineCalls): Promise<void>
  /** Whether its requests continue after a sleep, and since which version. Default: they do not. */
  readonly freeze?: {
    /** The first version that does, for messages. */
    since (level: 1 | 2): string
    /** Whether this version does; the version is undefined if the engine did not say it. */
    keeps (version: string | undefined, level: 1 | 2): boolean
    /** Whether the arguments allow it. Default: yes. */
    allowedBy? (args: readonly string[]): boolean
  }

  /** LoRA adapters that are loaded while it runs. Default: it cannot. */
  readonly lora?: {
    /** Environment variables that allow it. Default: none. */
    readonly env?: Readonly<Record<string, string>>
    /** Loads one, also if it has an adapter of that name already. */
    load (calls: EngineCalls, name: string, path: string): Promise<void>
    unload (calls: EngineCalls, name: string): Promise<void>
  }

  /** The progress of a start, from a line of output. Default: unknown. */
  readSign? (text: string): StageSign | undefined
  /** The bytes of weights that a line says have been loaded. Default: nothing is known. */
  readWeights? (line: string): number | undefined
  /** What a line says of a sleep or a wake. Default: nothing is known. */
  readSleepReport? (line: string): SleepReport | undefined
  /** Why a start failed, from its whole output. Default: the last lines are reported. */
  startCause? (lines: string[]): RecognisedCause | undefined
}
