import type { FastifyRequest } from 'fastify'
import type { PolicyOption, ResolvedPolicy } from './policy-options.ts'
import type { Policy } from './policy-types.ts'

export type * from './policy-options.ts'
export type * from './policy-types.ts'

/** 1: offload the weights to host memory; 2: discard them; 3: stop the process group. */
export type SleepLevel = 1 | 2 | 3

/**
 * What becomes of a model's requests in flight when it has to go. `true`: the policy decides whether they are waited for or
 * frozen: the engine sleeps in the midst of them, and goes on with them when it is woken. `'late'`: they are waited for, and
 * frozen only where they would otherwise be cut. `false`: they are waited for, and cut at `timeouts.drain`.
 */
export type Freeze = boolean | 'late'

/** What a `command` function is told about the engine it is to start. */
export interface CommandContext {
  /** The key in `models`. */
  model: string
  /** What vLLM is to load: a path or a name on the hub. */
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
  /** The model's own `args`. */
  args: string[]
}

/**
 * How an engine is started. A string (split at white space) or an array is the program with its leading words, to
 * which `serve PATH --port … or --uds …` and the rest is appended; a function returns the whole argv.
 */
export type Command = string | string[] | ((context: CommandContext) => string[])

/** Limits in milliseconds, each with an error code of its own. All are whole numbers from 1 to 2 147 483 647, the longest that a timer of Node's runs. */
export interface Timeouts {
  /** From spawn to a healthy engine. Default 300 000. Minimum 1. `LLMUX_ERR_START_TIMEOUT` */
  start?: number
  /** One `/sleep` call; past it the process group is ended. Default 120 000. Minimum 1. `LLMUX_ERR_SLEEP_TIMEOUT` */
  sleep?: number
  /** One `/wake_up` call. Default 120 000. Minimum 1. `LLMUX_ERR_WAKE_TIMEOUT` */
  wake?: number
  /** `reload_weights` on the way back from level 2. Default 60 000. Minimum 1. `LLMUX_ERR_RELOAD_TIMEOUT` */
  reload?: number
  /** `/reset_prefix_cache` after level 2; past it a warning, then on. Default 30 000. Minimum 1. `LLMUX_ERR_RESET_PREFIX_CACHE_TIMEOUT` */
  resetPrefixCache?: number
  /** One health probe. Default 5 000. Minimum 1. `LLMUX_ERR_HEALTH_TIMEOUT` */
  health?: number
  /** Reading a request's body. Default 60 000. Minimum 1. `LLMUX_ERR_BODY_TIMEOUT` (global: a model may not override it) */
  body?: number
  /** How long requests of a model that is to go may still run; then they are frozen, or cut where they cannot be. Default 300 000. Minimum 1. `LLMUX_ERR_DRAIN_TIMEOUT` */
  drain?: number
  /** How long a request may wait for its model. Default 600 000. Minimum 1. `LLMUX_ERR_QUEUE_TIMEOUT` */
  queue?: number
  /** How long a request that may not cause a switch waits for its model to be awake. Default 60 000. Minimum 1. `LLMUX_ERR_PASSIVE_TIMEOUT` */
  passive?: number
  /** How long streams may still run at shutdown. Default 30 000. Minimum 1. `LLMUX_ERR_GRACE_TIMEOUT` (global: a model may not override it) */
  grace?: number
  /**
   * How long an engine may leave both its requests and a probe without an answer before it is treated as dead, over several
   * probes: one long step blocks a probe too. Default 60 000. Minimum 1. `LLMUX_ERR_WEDGED`
   */
  wedged?: number
  /**
   * How long a client may read nothing, with its buffer full, while requests for other models wait; then it is cut.
   * Default 60 000. Minimum 1. `LLMUX_ERR_STALLED`
   */
  stalled?: number
  /**
   * How long a start or a wake waits for GPU memory: of a process group that has ended, or of somebody else's. Then a model
   * that is certain to need more is refused with 503 `LLMUX_ERR_GPU_MEMORY`, and left asleep; otherwise a warning
   * (`LLMUX_ERR_MEMORY_TIMEOUT`), and on. Default 30 000. Minimum 1.
   */
  memory?: number
  /** From SIGTERM to SIGKILL when a process group is ended. Default 10 000. Minimum 1. `LLMUX_ERR_STOP_TIMEOUT` */
  stop?: number
}

/** The limits that make sense for one model. */
export type ModelTimeouts = Omit<Timeouts, 'body' | 'grace'>

/** One model, and the engine behind it. */
export interface ModelOptions {
  /** What vLLM loads: a local path or a name on the hub. Default: the model's name. */
  path?: string
  /** Other names for the same model, accepted in `model`. Default `[]`. */
  aliases?: string[]
  /** LoRA adapters served by the same engine (`--lora-modules` in `args`): routed to it, but not among its served names. Default `[]`. */
  adapters?: string[]
  /** More arguments for `vllm serve`; those that llmux sets itself are refused. Default `[]`. */
  args?: string[]
  /** More environment for the process. `VLLM_API_KEY` is also used for our own calls and relayed requests. Default `{}`. */
  env?: Record<string, string>
  /** How this engine is started. Default: the top-level `command`. */
  command?: Command
  /** Limits for this model. Default: the top-level `timeouts`. */
  timeouts?: ModelTimeouts
  /** Start the engine as soon as the server is ready, in the background, rather than on the first request. Default `false`. */
  preload?: boolean
  /** Milliseconds without a request after which the awake model goes to sleep, at its `sleepLevel`. Default 0: it stays awake. Minimum 0. */
  idleTimeout?: number
  /**
   * Milliseconds without a request after which its processes are ended, awake or asleep: more than `idleTimeout`, if both are
   * given. Default 0: never. Minimum 0.
   */
  idleStopTimeout?: number
  /**
   * From its first start on, bring it back when nobody else wants its GPU: when the others there have had no request for their
   * `idleTimeout`, or for 10 s. Not with `idleTimeout` or `idleStopTimeout`. Default `false`.
   */
  keepAwake?: boolean
  /** Requests granted at once; others wait. Default 256, as vLLM's `--max-num-seqs`. Minimum 1. */
  maxConcurrency?: number
  /** Requests that may wait for this model. Default: no more than for all models together. Minimum 0. */
  maxQueue?: number
  /** Generate one token after each start and wake, before the first user. Default `false`. */
  warmup?: boolean
  /** TCP port on 127.0.0.1. 1 to 65 535. Default: a unix socket in a private directory. */
  port?: number
  /** How deep the model sleeps when another takes the GPU. Default 1. */
  sleepLevel?: SleepLevel
  /**
   * `true`: start with `--enable-sleep-mode`. `false`: without it, which demands `sleepLevel: 3`.
   * `'simulated'`: without it, but levels 1 and 2 are used all the same, for CPU builds, which refuse the flag and free nothing.
   * Default `true`.
   */
  sleepMode?: boolean | 'simulated'
  /** What becomes of its requests in flight when it has to go. Default: the top-level `freeze`; `false` with `--data-parallel-size` above 1 in `args`. */
  freeze?: Freeze
  /**
   * The GPUs that the engine uses: an index, the UUID that `nvidia-smi -L` prints, or the name of a MIG device. If the gateway's
   * own environment has `CUDA_VISIBLE_DEVICES`, index 1 is the second of those, otherwise the second that `nvidia-smi` lists. The
   * engine gets them as `CUDA_VISIBLE_DEVICES` (`HIP_VISIBLE_DEVICES` on AMD), and `--tensor-parallel-size` for more than
   * one, unless `args` has a parallel size. Default `[0]`.
   */
  gpus?: Array<number | string>
  /** The share of each of its GPUs that the engine takes while awake: above 0, at most 1. Default 1. */
  gpuShare?: number
}

/** The levels of Fastify's logger. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Files that grow with every line. Nothing of what clients send or get is in them but its size. */
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
  /** How engines are started. Default `'vllm'`. */
  command?: Command
  /** Put before every route: `/llm`, say, without a slash at its end. Default `''`. */
  prefix?: string
  /** When to switch, and to whom. Default `'even-handed'`. */
  policy?: PolicyOption
  /**
   * Whether requests have priorities, whole numbers from -5 to 5, higher first: `true` takes them from the header
   * `x-llmux-priority`, a function from the request. Each step counts as 5 s of waiting, so that nobody starves. Default `false`.
   */
  priority?: boolean | ((request: FastifyRequest) => number)
  /** Whether a model may be woken for a request. If not, it is served only while its model is awake anyway. Default: for all of them. */
  mayCauseSwitch?: (request: FastifyRequest) => boolean
  /** A file that keeps what has been learned of models and switches for the next run. Default: nothing is kept. */
  learnedFile?: string
  /** What is recorded. Default: nothing. */
  record?: RecordOptions
  /** Level at which the engines' output is logged. Default `'debug'`. */
  engineLogLevel?: LogLevel
  /** Whether to close the server on SIGTERM and SIGINT. Default: only when nobody else listens for SIGTERM or SIGINT. */
  closeWithGrace?: boolean
  /** The engine's routes that are offered, from the list in `knownRoutes`. Default: all of them. */
  routes?: string[]
  /** Header that names the model and wins over the body; `false` to switch it off. Default `'model-override'`. */
  modelHeader?: string | false
  /** Model of requests that name none. Default: such requests are refused with 400. */
  defaultModel?: string
  /** Origin (`http://host:port`) to which requests for models that are not ours go untouched. Default: such requests are answered with 404. */
  fallbackUpstream?: string
  /** Whether the client's `Authorization`, `x-api-key` and cookies are sent on to engines and to `fallbackUpstream`. Default `false`. */
  forwardCredentials?: boolean
  /**
   * Whether an error that our routes answer, other than on an event stream that has begun, ends with the last lines of its engine's output. They have paths, arguments and the
   * like; operators find them in logs, events and the status in any case. Default `false`.
   */
  exposeEngineOutput?: boolean
  /** Largest request body in bytes. Default 33 554 432 (32 MiB). Minimum 1, maximum 2 147 483 647. */
  bodyLimit?: number
  /**
   * Milliseconds from one comment to the next on the event stream of a client that waits for its model, so that neither it nor
   * a load balancer takes the silence for the end; the answer then begins before it is known what becomes of it. `false`: nothing is
   * sent before the engine's answer. Default `false`. Minimum 100.
   */
  heartbeat?: number | false
  /**
   * What becomes of a model's requests in flight when it has to go: `true` lets the policy freeze them, `'late'` freezes them
   * where they would be cut, `false` waits for them and cuts them. Needs vLLM 0.17 (0.26 at sleep level 2), see docs/freezing.md. Default `true`.
   */
  freeze?: Freeze
  /** Whether a request whose engine died before its first byte is sent again to the restarted engine, and once more, alone, if that dies too. Default `true`. */
  replay?: boolean
  /**
   * Program and arguments that print one line per GPU, in the order of their indices: `used, total` in MiB. Asked before a
   * switch and a cold start, after a process group has ended, and for the page. Lines `process, GPU, pid, name, MiB` may tell
   * who holds it. A command that fails or takes 2 s is told of once, and tried again every minute. Default: `nvidia-smi` with the arguments for that, if it is there;
   * `false`: the end of the processes is all there is to go by.
   */
  gpuMemoryCommand?: string[] | false
  /** Requests that may wait, all models together. Default 1 000. Minimum 0. */
  maxQueue?: number
  /** Bytes of the bodies of waiting requests, all models together. Default 536 870 912 (512 MiB). Minimum 0. */
  maxQueueBytes?: number
  /** Limits in milliseconds; a model may override them. */
  timeouts?: Timeouts
}

/** One model's options with every default filled in. The floors below the plugin see only this. */
export interface ResolvedModel extends Required<Omit<ModelOptions, 'port' | 'maxQueue' | 'timeouts' | 'gpus'>> {
  /** The engine's own id: names, aliases and adapters map to it at the edge. */
  id: string
  /** The machine's indices of its GPUs. */
  gpus: number[]
  /** The engine's environment that says so. */
  gpuEnv: Record<string, string>
  port: number | undefined
  maxQueue: number | undefined
  timeouts: Required<ModelTimeouts>
}

/** The plugin's options with every default filled in. */
export interface ResolvedOptions extends Required<Omit<LlmuxOptions, 'models' | 'closeWithGrace' | 'gpuMemoryCommand' | 'defaultModel' | 'fallbackUpstream' | 'timeouts' | 'policy' | 'command' | 'mayCauseSwitch' | 'learnedFile' | 'freeze'>> {
  models: ResolvedModel[]
  /** Every name, alias and adapter, and the id of the engine that serves it. */
  names: Map<string, string>
  policy: ResolvedPolicy | Policy
  closeWithGrace: boolean | undefined
  gpuMemoryCommand: string[] | false | undefined
  mayCauseSwitch: ((request: FastifyRequest) => boolean) | undefined
  learnedFile: string | undefined
  defaultModel: string | undefined
  fallbackUpstream: string | undefined
  timeouts: Required<Timeouts>
}
