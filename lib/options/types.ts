import type { FastifyRequest } from 'fastify'
import type { EngineAdapter, EngineName } from '../engines/index.ts'
import type { AnyPlace } from './gpus.ts'
import type { ContainerOptions, ResolvedContainer } from './container.ts'
import type { PolicyOption, ResolvedPolicy } from './policy-options.ts'
import type { Policy } from './policy-types.ts'

export type * from './container.ts'
export type * from './policy-options.ts'
export type * from './policy-types.ts'

/** 1: offload the weights to host memory; 2: discard them; 3: stop the process group. */
export type SleepLevel = 1 | 2 | 3

/**
 * What happens to a model's requests in flight when it makes room for another model. `true`: the policy waits for them or
 * freezes them; a frozen request pauses while its engine sleeps and continues after the wake. `'late'`: the gateway waits for
 * them, and freezes them only where it would otherwise cut them. `false`: it waits for them, and cuts them at `timeouts.drain`.
 */
export type Freeze = boolean | 'late'

/** What a `command` function gets to know about the engine that it starts. */
export interface CommandContext {
  /** The key in `models`. */
  model: string
  /** What the engine is to load: a path or a name on the hub. */
  path: string
  /** The name and its aliases, for `--served-model-name`. */
  servedNames: string[]
  /** The TCP port on 127.0.0.1, if the model has one; otherwise `socket` is given. */
  port?: number
  /** The path of the unix socket, if the model has no port. */
  socket?: string
  /** The GPUs that the engine is to use, as its environment names them; undefined if nothing is known of the machine. */
  devices?: string[]
  /** Whether `--enable-sleep-mode` is wanted. */
  sleepMode: boolean
  /** The share of each GPU's memory that the engine is to take (`--gpu-memory-utilization`); undefined if `args` says it, or the engine's default fits. */
  memoryShare?: number
  /** The model's own `args`. */
  args: string[]
}

/**
 * How an engine is started. A string (split at white space) or an array is the program with its leading words, to
 * which `serve PATH --port … or --uds …` and the rest is appended, or what another engine takes; a function returns the whole argv.
 */
export type Command = string | string[] | ((context: CommandContext) => string[])

/** Limits in milliseconds. Each one has its own error code. All are whole numbers from 1 to 2 147 483 647, the longest that a Node.js timer runs. */
export interface Timeouts {
  /** From spawn to a healthy engine. Default 300 000. Minimum 1. `LLMUX_ERR_START_TIMEOUT` */
  start?: number
  /** One `/sleep` call. After that the gateway stops the process group. Default 120 000. Minimum 1. `LLMUX_ERR_SLEEP_TIMEOUT` */
  sleep?: number
  /** One `/wake_up` call. Default 120 000. Minimum 1. `LLMUX_ERR_WAKE_TIMEOUT` */
  wake?: number
  /** `reload_weights` on the way back from level 2, or loading one LoRA adapter (`LLMUX_ERR_ADAPTER`). Default 60 000. Minimum 1. `LLMUX_ERR_RELOAD_TIMEOUT` */
  reload?: number
  /** `/reset_prefix_cache` after level 2. After that the gateway warns and continues. Default 30 000. Minimum 1. `LLMUX_ERR_RESET_PREFIX_CACHE_TIMEOUT` */
  resetPrefixCache?: number
  /** One health probe. Default 5 000. Minimum 1. `LLMUX_ERR_HEALTH_TIMEOUT` */
  health?: number
  /** Reading a request's body. Default 60 000. Minimum 1. `LLMUX_ERR_BODY_TIMEOUT` (global: a model may not override it) */
  body?: number
  /** How long requests in flight may still run when their model makes room for another one. After that they are frozen, or cut where freezing is impossible. Default 300 000. Minimum 1. `LLMUX_ERR_DRAIN_TIMEOUT` */
  drain?: number
  /** How long a request may wait for its model. Default 600 000. Minimum 1. `LLMUX_ERR_QUEUE_TIMEOUT` */
  queue?: number
  /** How long a request that may not cause a switch waits for its model to be awake. Default 60 000. Minimum 1. `LLMUX_ERR_PASSIVE_TIMEOUT` */
  passive?: number
  /** How long streams may still run at shutdown. Default 30 000. Minimum 1. `LLMUX_ERR_GRACE_TIMEOUT` (global: a model may not override it) */
  grace?: number
  /**
   * How long an engine may answer neither its requests nor several probes before the gateway treats it as dead. One long step
   * blocks a probe too, so a single one does not count. Default 60 000. Minimum 1. `LLMUX_ERR_WEDGED`
   */
  wedged?: number
  /**
   * How long a client may read nothing while its buffer is full and requests for other models wait. After that it is cut.
   * Default 60 000. Minimum 1. `LLMUX_ERR_STALLED`
   */
  stalled?: number
  /**
   * How long a start or a wake waits for GPU memory that a stopped engine or another process still holds. If the model then
   * certainly needs more than is free, its requests get 503 `LLMUX_ERR_GPU_MEMORY` and it stays asleep. Otherwise the gateway
   * warns (`LLMUX_ERR_MEMORY_TIMEOUT`) and continues. Default 30 000. Minimum 1.
   */
  memory?: number
  /** From SIGTERM to SIGKILL when the gateway stops a process group. Default 10 000. Minimum 1. `LLMUX_ERR_STOP_TIMEOUT` */
  stop?: number
}

/** The limits that make sense for one model. */
export type ModelTimeouts = Omit<Timeouts, 'body' | 'grace'>

/** One model, and the engine behind it. */
export interface ModelOptions {
  /** The kind of engine, by name or as an adapter of your own: see docs/engines.md. Default `'vllm'`. */
  engine?: EngineName | EngineAdapter
  /** What the engine loads: a local path or a name on the hub. Default: the model's name. */
  path?: string
  /** Other names for the same model, accepted in `model`. Default `[]`. */
  aliases?: string[]
  /**
   * LoRA adapters of the same engine: requests for their names go to it. A list: names that the engine knows from its start
   * (`--lora-modules` in `args`). An object of names and paths: each is loaded at the first request for it, and again after each start
   * of the engine. Needs vLLM. Default `[]`.
   */
  adapters?: string[] | Record<string, string>
  /** The number of adapters with a path that stay loaded. Before one more is loaded, the gateway unloads the one that has not been used for longest, unless requests in flight need it. Default 8. Minimum 1. */
  maxAdapters?: number
  /** More arguments for the engine. Arguments that llmux sets itself are refused. Default `[]`. */
  args?: string[]
  /** More environment for the process. The gateway uses the engine's key in it (`VLLM_API_KEY`, `LLAMA_API_KEY`) for its own calls and for relayed requests. Default `{}`. */
  env?: Record<string, string>
  /** How this engine is started. Default: the top-level `command` for vLLM, the engine's own program for others. */
  command?: Command
  /**
   * What ends the engine where a signal to its processes does not, such as `['docker', 'stop', 'tei']`, after which SIGKILL
   * follows as always. `{pid}` is the number of its first process; `{name}` and `{port}` are the model's. The command is also run when the gateway is killed, and may
   * then be run twice. Default: SIGTERM.
   */
  stopCommand?: string | string[]
  /** The container that the engine runs in: see docs/engines.md. Default: none. */
  container?: ContainerOptions
  /**
   * The origin of a server that always runs elsewhere, such as `http://10.0.0.7:8000`, with `engine: 'openai'`. The gateway neither
   * starts it nor puts it to sleep; it takes no GPU of this machine. Requests wait for up to `timeouts.start`, by default 10 s, until it
   * is ready. It must know the model by the same name. Excludes `command`, `args`, `env`, `gpus` and what else is about processes and GPUs.
   */
  url?: string
  /** The key that the server at `url` requires. Default: none. */
  apiKey?: string
  /** The path that answers 200 as soon as the engine is ready. Default: the engine's own, `/health` for most. */
  readyPath?: string
  /** Limits for this model. Default: the top-level `timeouts`. */
  timeouts?: ModelTimeouts
  /** Start the engine in the background as soon as the server is ready, instead of at the first request. Default `false`. */
  preload?: boolean
  /** Milliseconds without a request after which the gateway puts the model to sleep, at its `sleepLevel`. Default 0: it stays awake. Minimum 0. */
  idleTimeout?: number
  /**
   * Milliseconds without a request after which the gateway stops the processes, whether the model is awake or asleep. Must
   * exceed `idleTimeout`. Default 0: never. Minimum 0.
   */
  idleStopTimeout?: number
  /**
   * After its first start, wake the model again when no other model needs its GPU: when the models that are awake there have
   * had no request for their `idleTimeout`, or for 10 s. Excludes `idleTimeout` and `idleStopTimeout`. Default `false`.
   */
  keepAwake?: boolean
  /** Requests in flight at the same time; further ones wait. Default 256, as vLLM's `--max-num-seqs`. Minimum 1. */
  maxConcurrency?: number
  /** Requests that may wait for this model. Default: no more than for all models together. Minimum 0. */
  maxQueue?: number
  /** Generate one token after each start and wake, before the first request. Default `false`. */
  warmup?: boolean
  /** TCP port on 127.0.0.1. 1 to 65 535. Default: a unix socket in a private directory; SGLang has none, and must be given a port. */
  port?: number
  /**
   * How the model leaves the GPU: 1 keeps the weights in host memory, 2 drops them, 3 stops the processes. `'auto'`: 1 as long as
   * `hostMemory` has room for the weights, otherwise 2 with `level2Safe`, otherwise 3. Engines that cannot sleep have level 3
   * only. Default: the engine's first, 1 for vLLM.
   */
  sleepLevel?: SleepLevel | 'auto'
  /** Whether `validate` has found level 2 safe for this model, so that `sleepLevel: 'auto'` may use it. Default `false`. */
  level2Safe?: boolean
  /**
   * `true`: start with `--enable-sleep-mode`. `false`: start without it, which requires `sleepLevel: 3`.
   * `'simulated'`: start without it, and use levels 1 and 2 all the same. For CPU builds, which refuse the flag and free nothing.
   * Default `true`.
   */
  sleepMode?: boolean | 'simulated'
  /** What happens to its requests in flight when it makes room for another model. Default: the top-level `freeze`; `false` with `--data-parallel-size` above 1 in `args`. */
  freeze?: Freeze
  /**
   * The GPUs that the engine uses: an index, the UUID that `nvidia-smi -L` prints, or the name of a MIG device. If the gateway's
   * own environment has `CUDA_VISIBLE_DEVICES`, index 1 is the second of those, otherwise the second that `nvidia-smi` lists. The
   * engine gets them as `CUDA_VISIBLE_DEVICES` (`HIP_VISIBLE_DEVICES` on AMD), and `--tensor-parallel-size` for more than
   * one, unless `args` has a parallel size. `{ any: n }`: n GPUs, chosen at each start where the model is least in the way of
   * others, and kept until its processes end; excludes `keepAwake` and `resident`. Default `[0]`.
   */
  gpus?: Array<number | string> | { any: number }
  /**
   * The share of each of its GPUs that the engine takes while awake: above 0, at most 1. Where GPU memory can be read, vLLM gets it
   * as `--gpu-memory-utilization`, less what sleeping models keep there, unless `args` has that flag. Default 1.
   */
  gpuShare?: number
  /**
   * Once awake, the model is never put to sleep to make room for another one. Models that could never be awake beside the
   * residents of their GPU are refused at registration. Default `false`.
   */
  resident?: boolean
}

/** The levels of Fastify's logger. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Files that grow with every line. Of what clients send and receive they contain only the size. */
export interface RecordOptions {
  /** A CSV file of the requests that were served, for the simulator: `time_s,model,service_s,input_bytes,output_bytes`. Default: none. */
  arrivals?: string
  /** A file of what the policy was asked and what it answered, a line of JSON for each decision. Default: none. */
  decisions?: string
}

/** Options of the plugin. Unknown keys are refused. */
export interface LlmuxOptions {
  /** The models by name: what clients write in `model`. At least one. */
  models: Record<string, ModelOptions>
  /** How vLLM is started. Default `'vllm'`. */
  command?: Command
  /** Prefix of every route, such as `/llm`. No slash at its end. Default `''`. */
  prefix?: string
  /** When to switch, and to which model. Default `'even-handed'`. */
  policy?: PolicyOption
  /**
   * Whether requests have priorities: whole numbers from -5 to 5, higher first. `true` reads the header `x-llmux-priority`; a
   * function computes them from the request. Each step counts as 5 s of waiting, so no request starves. Default `false`.
   */
  priority?: boolean | ((request: FastifyRequest) => number)
  /** Whether the gateway may wake a model for this request. If not, the request is served only while its model is awake anyway. Default: for all of them. */
  mayCauseSwitch?: (request: FastifyRequest) => boolean
  /**
   * The key by which an edge of `fastify-llmux/fleet` in front of this gateway is known. With it the headers `x-llmux-priority` and
   * `x-llmux-may-cause-switch` count in requests of that edge, and in no others. Default: there is no edge.
   */
  edgeKey?: string
  /** A file that keeps the measured costs of models and switches for the next run. Default: nothing is kept. */
  learnedFile?: string
  /** Files to record traffic and decisions in. Default: nothing. */
  record?: RecordOptions
  /** Level at which the gateway logs the engines' output. Default `'debug'`. */
  engineLogLevel?: LogLevel
  /** Whether to close the server on SIGTERM and SIGINT. Default: only if the process has no other listener for SIGTERM or SIGINT. */
  closeWithGrace?: boolean
  /** The routes that clients may use, from the list in `knownRoutes`. Default: all of them. */
  routes?: string[]
  /** Header that names the model and takes precedence over the body; `false` disables it. Default `'model-override'`. */
  modelHeader?: string | false
  /** Model of requests that name none. Default: such requests are refused with 400. */
  defaultModel?: string
  /** Origin (`http://host:port`) that receives, unchanged, the requests for models that are not in `models`. Default: such requests get 404. */
  fallbackUpstream?: string
  /** Whether the gateway forwards the client's `Authorization`, `x-api-key` and cookies to engines and to `fallbackUpstream`. Default `false`. */
  forwardCredentials?: boolean
  /**
   * Whether error messages for clients end with the last lines of the engine's output, which can contain paths and arguments.
   * Event streams that have begun never contain them. Operators find them in logs, events and the status in any case. Default `false`.
   */
  exposeEngineOutput?: boolean
  /** Largest request body in bytes. Default 33 554 432 (32 MiB). Minimum 1, maximum 2 147 483 647. */
  bodyLimit?: number
  /**
   * Milliseconds between comments on the event stream of a client that waits, so that neither the client nor a load balancer
   * closes a silent connection. The response then starts with status 200 before its outcome is known. `false`: the response
   * starts with the engine's answer. Default `false`. Minimum 100.
   */
  heartbeat?: number | false
  /**
   * What happens to requests in flight when their model makes room for another one: `true` lets the policy freeze them, `'late'`
   * freezes them only where they would be cut, `false` waits for them and then cuts them. Needs vLLM 0.17 (0.26 at sleep level 2), see docs/freezing.md. Default `true`.
   */
  freeze?: Freeze
  /** Whether the gateway sends a request again if its engine died before the first byte of the answer: to the restarted engine, and once more, alone, if that one dies too. Default `true`. */
  replay?: boolean
  /**
   * Program and arguments that print one line per GPU, in the order of their indices: `used, total` in MiB. Optional lines
   * `process, GPU, pid, name, MiB` name the processes that hold the memory. Runs before a switch and a cold start, after a
   * process group has ended, and for the page. If it fails or takes 2 s, the gateway warns once and tries again every minute.
   * `false`: the gateway does not look at GPU memory. Default: `nvidia-smi` with suitable arguments, if it is installed.
   */
  gpuMemoryCommand?: string[] | false
  /**
   * Host memory that the engines may take all together: bytes, or up to 1 a share of what this machine or its cgroup has. Before
   * the first sleep of an engine at level 1, which keeps its weights there for good, the gateway stops sleeping models
   * until the new ones fit, the one first that is least worth keeping: the rarest used, and the quickest to start. Default 0.8.
   */
  hostMemory?: number
  /** Requests that may wait, all models together. Default 1 000. Minimum 0. */
  maxQueue?: number
  /** Bytes of the bodies of waiting requests, all models together. Default 536 870 912 (512 MiB). Minimum 0. */
  maxQueueBytes?: number
  /** Limits in milliseconds. A model can override them. */
  timeouts?: Timeouts
}

/** One model's options with every default filled in. The floors below the plugin see only this. */
export interface ResolvedModel extends Required<Omit<ModelOptions, 'sleepLevel' | 'engine' | 'stopCommand' | 'container' | 'readyPath' | 'port' | 'url' | 'apiKey' | 'maxQueue' | 'timeouts' | 'gpus' | 'adapters'>> {
  /** The engine's own id: names, aliases and adapters map to it at the edge. */
  id: string
  engine: EngineAdapter
  stopCommand: string | string[] | undefined
  container: ResolvedContainer | undefined
  readyPath: string | undefined
  sleepLevel: SleepLevel
  /** Whether it may sleep deeper than at level 1 where host memory is short. */
  sleepAuto: boolean
  /** The machine's indices of its GPUs. */
  gpus: number[]
  /** Where `gpus`, `gpuNames` and `gpuEnv` come from if the model may live on any GPU. */
  place?: AnyPlace
  /** Their names, which no two gateways may claim at once; empty where nothing tells them. */
  gpuNames: string[]
  /** The engine's environment that says so. */
  gpuEnv: Record<string, string>
  port: number | undefined
  /** The origin of its server, if that runs elsewhere. */
  url: string | undefined
  apiKey: string | undefined
  /** The names of its LoRA adapters. */
  adapters: string[]
  /** The path of each adapter that is loaded at the first request for it, by name. */
  adapterPaths: Record<string, string>
  maxQueue: number | undefined
  timeouts: Required<ModelTimeouts>
}

/** The plugin's options with every default filled in. */
export interface ResolvedOptions extends Required<Omit<LlmuxOptions, 'models' | 'closeWithGrace' | 'gpuMemoryCommand' | 'defaultModel' | 'fallbackUpstream' | 'timeouts' | 'policy' | 'command' | 'mayCauseSwitch' | 'edgeKey' | 'learnedFile' | 'freeze'>> {
  models: ResolvedModel[]
  /** Every name, alias and adapter, and the id of the engine that serves it. */
  names: Map<string, string>
  policy: ResolvedPolicy | Policy
  closeWithGrace: boolean | undefined
  gpuMemoryCommand: string[] | false | undefined
  mayCauseSwitch: ((request: FastifyRequest) => boolean) | undefined
  edgeKey: string | undefined
  learnedFile: string | undefined
  defaultModel: string | undefined
  fallbackUpstream: string | undefined
  timeouts: Required<Timeouts>
}
