import createError from '@fastify/error'
import type { StartCause } from './start-causes.ts'

/** Every error that llmux throws: recognise it by `instanceof`, or across versions by a code that starts with `LLMUX_ERR_`. */
export class LlmuxError extends Error {
  declare code: string
  declare statusCode: number
  /** Seconds after which a retry makes sense, if the code alone does not say it. */
  declare retryAfter?: number
  /** Why a start failed. */
  declare startCause?: StartCause
  /** The engine's own line about it. For operators only: it may contain paths and arguments. */
  declare causeLine?: string
  /** The last lines of the engine's output, if it died. For operators only: `message` contains none of them. */
  declare lastLines?: readonly string[]
  declare toJSON?: () => object
}

// JSON may go to a client, so it leaves out the engine's output.
LlmuxError.prototype.toJSON = function (this: LlmuxError) {
  const { code, message, startCause } = this
  return { code, message, ...(startCause !== undefined && { startCause }) }
}

/**
 * An error class, called with or without `new`. Not the type that @fastify/error exports: TypeScript does not find it under
 * every `moduleResolution`, and with `skipLibCheck` the classes would be `any`.
 */
export interface LlmuxErrorConstructor<Args extends unknown[]> {
  new (...args: Args): LlmuxError
  (...args: Args): LlmuxError
  readonly prototype: LlmuxError
}

type Text = string | number

const make = <Arg extends Text[]>(code: string, message: string, statusCode: number): LlmuxErrorConstructor<[...Arg, { cause?: unknown }?]> =>
  createError(`LLMUX_ERR_${code}`, message, statusCode, LlmuxError as unknown as ErrorConstructor) as unknown as LlmuxErrorConstructor<[...Arg, { cause?: unknown }?]>

// The comments below become the tables of docs/errors.md, group by group: `npm run readme`.

// Group: request

/** The body is not valid JSON. */
export const BodyNotJsonError = make<[string]>('BODY_NOT_JSON', 'the body is not valid JSON: %s', 400)
/** The body is not valid multipart, on a route for files. */
export const BodyNotMultipartError = make<[string]>('BODY_NOT_MULTIPART', 'the body is not valid multipart/form-data: %s', 400)
/** The client disconnected, or ended the body too early. */
export const BodyAbortedError = make<[]>('BODY_ABORTED', 'the body ended before it was complete', 400)
/** The request names no model, and there is no `defaultModel`. */
export const ModelMissingError = make<[]>('MODEL_MISSING', 'the request names no model', 400)
/** `model` is not a string. */
export const ModelNotStringError = make<[string]>('MODEL_NOT_STRING', 'model must be a string, not %s', 400)
/** No model has this name, and there is no `fallbackUpstream`. */
export const ModelNotFoundError = make<[string]>('MODEL_NOT_FOUND', 'the model `%s` does not exist', 404)
/** The model's engine has no such route: see [engines](engines.md). Arguments: the model, the route, its engine. */
export const RouteNotServedError = make<[string, string, string]>('ROUTE_NOT_SERVED', 'model `%s` has no route %s: its engine, %s, does not serve it', 404)
/** No route below `/v1` has this path and method. Your server answers for other paths. Arguments: the method, the path. */
export const RouteNotFoundError = make<[string, string]>('ROUTE_NOT_FOUND', 'there is no route %s %s', 404)
/** The body took longer than `timeouts.body`. */
export const BodyTimeoutError = make<[number]>('BODY_TIMEOUT', 'the body was not received within %d ms', 408)
/** The body is larger than `bodyLimit`. */
export const BodyTooLargeError = make<[number]>('BODY_TOO_LARGE', 'the body is larger than %d bytes', 413)
/** `maxQueue`, of the model or in all, or `maxQueueBytes` is reached. */
export const QueueFullError = make<[string]>('QUEUE_FULL', 'too many requests are waiting (%s)', 429)
/** The engine died while it had the request. Argument: what happened, with the model's name. */
export const EngineDiedError = make<[string]>('ENGINE_DIED', 'the request was lost: %s', 502)
/** The engine answered neither requests nor probes for `timeouts.wedged`; the gateway stops it. */
export const WedgedError = make<[string, number]>('WEDGED', 'the engine of model `%s` has not answered for %d ms', 502)
/** The engine did not answer with a stream. Only as the last event of a stream that began with comments. If the engine answered with an error, `statusCode` is the engine's. */
export const EngineAnswerError = make<[string, number, string]>('ENGINE_ANSWER', 'the engine of model `%s` answered %d and no event stream: %s', 502)
/** The engine, or `fallbackUpstream`, could not be reached. */
export const UpstreamError = make<[string]>('UPSTREAM', 'the upstream did not answer: %s', 502)
/** The server is closing. */
export const ClosingError = make<[]>('CLOSING', 'the server is closing', 503)
/** An operator drains the gateway (`POST drain`): another one may serve the request. */
export const DrainingError = make<[]>('DRAINING', 'the gateway is being drained', 503)
/** The edge in front of several machines took the waiting request back, to send it to another node. Clients never see this. */
export const WithdrawnError = make<[]>('WITHDRAWN', 'the edge takes the request to another node', 409)
/** The server is closing, and the request needed longer than `timeouts.grace`. */
export const GraceTimeoutError = make<[number]>('GRACE_TIMEOUT', 'the request was cut: the server is closing, and %d ms were not enough to finish', 503)
/** An operator ended the request. */
export const RequestCutError = make<[]>('REQUEST_CUT', 'the request was cut by an operator', 503)
/** An operator has disabled the model. */
export const ModelDisabledError = make<[string]>('MODEL_DISABLED', 'the model `%s` is disabled', 503)
/** The engine cannot start: its command does not exist, or its port is taken. Known before any model went to sleep. */
export const NotStartableError = make<[string, string]>('NOT_STARTABLE', 'the engine of model `%s` cannot be started: %s', 503)
/** The operating system could not create the process. */
export const SpawnError = make<[string, string]>('SPAWN_FAILED', 'the engine of model `%s` could not be spawned: %s', 503)
/** The process ended while it started, woke or went to sleep. Its last 20 lines are in the log and in `status()`, and with `exposeEngineOutput` in the message. */
export const ProcessDiedError = make<[string, string]>('PROCESS_DIED', 'the process of model `%s` died: %s', 503)
/** The engine was not healthy within `timeouts.start`. */
export const StartTimeoutError = make<[string, number]>('START_TIMEOUT', 'the engine of model `%s` was not healthy within %d ms', 503)
/** The engine failed to wake, for lack of memory for example. */
export const WakeError = make<[string, string]>('WAKE_FAILED', 'the engine of model `%s` could not be woken: %s', 503)
/** The engine did not wake within `timeouts.wake`. */
export const WakeTimeoutError = make<[string, number]>('WAKE_TIMEOUT', 'the engine of model `%s` did not wake within %d ms', 503)
/** The engine did not reload its weights within `timeouts.reload`. */
export const ReloadTimeoutError = make<[string, number]>('RELOAD_TIMEOUT', 'the engine of model `%s` did not reload its weights within %d ms', 503)
/** The engine refused to load the LoRA adapter that the request names, or took longer than `timeouts.reload`. Its words are in the log, and with `exposeEngineOutput` in the message. Other requests of the model are not affected. Arguments: the adapter, the model, what happened. */
export const AdapterError = make<[string, string, string]>('ADAPTER', 'the LoRA adapter `%s` of model `%s` could not be loaded: %s', 503)
/** The engine did not answer a health probe within `timeouts.health`. */
export const HealthTimeoutError = make<[string, number]>('HEALTH_TIMEOUT', 'the engine of model `%s` did not answer a health probe within %d ms', 503)
/** Another gateway on this machine holds the GPU; the message names its process. This gateway takes over when that process has ended. Arguments: the model, the GPU, the process. */
export const GpuClaimedError = make<[string, string, number]>('GPU_CLAIMED', 'model `%s` cannot be started: GPU %s belongs to another gateway, process %d. This gateway takes over when that process has ended', 503)
/** The pinned and resident models leave no room for the model on its GPU; the message names them. Arguments: the model, their names. */
export const NoRoomError = make<[string, string]>('NO_ROOM', 'model `%s` cannot be awake: there is no room for it beside %s', 503)
/** Another process held the GPU memory that the model needs for longer than `timeouts.memory`; the message names it. A sleeping model stays asleep. Arguments: the model, the MiB that it needs, the MiB that are free, which process holds how much. */
export const GpuMemoryError = make<[string, number, number, string]>('GPU_MEMORY', 'model `%s` needs %d MiB of GPU memory, and %d MiB are free%s', 503)
/** Another model's processes hold the GPU, and even SIGKILL did not end them. */
export const GpuBlockedError = make<[string, string]>('GPU_BLOCKED', 'model `%s` cannot be started: its GPU is still held by the processes of `%s`, which cannot be ended', 503)
/** The request waited longer than `timeouts.queue`. */
export const QueueTimeoutError = make<[string, number]>('QUEUE_TIMEOUT', 'the request for model `%s` waited longer than %d ms', 504)
/** The request may not cause a switch, and its model was not awake within `timeouts.passive`. */
export const PassiveTimeoutError = make<[string, number]>('PASSIVE_TIMEOUT', 'model `%s` was not awake within %d ms, and this request may not cause a switch', 504)
/** The model had to make room for another one, and the request needed longer than `timeouts.drain`. */
export const DrainTimeoutError = make<[string, number]>('DRAIN_TIMEOUT', 'the request was cut: model `%s` had to make room for another model, and %d ms were not enough to finish', 504)
/** The client read nothing for `timeouts.stalled` while other requests waited. */
export const StalledError = make<[number]>('STALLED', 'the request was cut: its client read nothing for %d ms while others waited', 504)

// Group: edge

/** The model's queue is full on every node. `Retry-After` is the smallest of theirs. */
export const FleetFullError = make<[string]>('FLEET_FULL', 'too many requests for model `%s` are waiting on every node', 429)
/** The node died, hung or was cut off with the request, which could not go to another node: a byte had arrived, or the retry budget was spent. Arguments: the node, what happened. */
export const NodeLostError = make<[string, string]>('NODE_LOST', 'the request was lost: node %s: %s', 502)
/** No node that can be reached has the model and can serve it. Arguments: the model, why. */
export const NoNodeError = make<[string, string]>('NO_NODE', 'no node can serve model `%s`: %s', 503)
/** An operator asked something of a node that could not be reached, or went out before it answered. Arguments: the node, what happened. */
export const NodeUnreachableError = make<[string, string]>('NODE_UNREACHABLE', 'node %s could not be asked: %s', 502)
/** A node did not answer an operator within `operation`. What was asked of it may have begun: look at `GET nodes`. Arguments: the node, milliseconds. */
export const NodeTimeoutError = make<[string, number]>('NODE_TIMEOUT', 'node %s has not answered within %d ms', 504)

// Group: operators

/** The key is missing or wrong. */
export const UnauthorizedError = make<[]>('UNAUTHORIZED', 'the admin key is missing or wrong', 401)
/** The message names the part of the request that is wrong. Arguments: that part, what is wrong. */
export const AdminRequestError = make<[string, string]>('ADMIN_REQUEST', '%s %s', 400)
/** A browser sent the call from a page of another origin. */
export const CrossSiteError = make<[]>('CROSS_SITE', 'the call comes from a page of another origin, which must not change anything here', 403)
/** No such request waits or is in flight. Argument: its id. */
export const RequestNotFoundError = make<[number]>('REQUEST_NOT_FOUND', 'request %d is neither waiting nor in flight', 404)
/** There is no such operation, or the gateway no longer remembers it. */
export const OperationNotFoundError = make<[string]>('OPERATION_NOT_FOUND', 'operation %s does not exist, or is no longer remembered', 404)
/** Too many feeds (events, logs) are open, or too many operations run. Arguments: which of the two, how many are allowed. */
export const AdminLimitError = make<[string, number]>('ADMIN_LIMIT', 'too many %s at once: at most %d', 429)
/** The plugin got no `registry`. */
export const NoMetricsError = make<[]>('NO_METRICS', 'there are no metrics: pass `registry` to fastify-llmux/admin', 404)

// Group: code

/** Registration: an option is wrong. Arguments: the path of the option, what it accepts. */
export const OptionsError = make<[string, string]>('OPTIONS', 'llmux: option %s %s', 500)
/** Registration: the server has an llmux already. */
export const AlreadyRegisteredError = make<[]>('ALREADY_REGISTERED', 'llmux is already registered in this server: name all models in one registration', 500)
/** Registration of a plugin beside llmux, or `llmuxOf()`: this server has no llmux, or not yet. */
export const NotRegisteredError = make<[]>('NOT_REGISTERED', 'fastify-llmux is not registered in this server yet: register it first', 500)
/** Command line: the configuration file cannot be read, or something in it is wrong. Arguments: the file, what is wrong. */
export const ConfigError = make<[string, string]>('CONFIG', '%s: %s', 500)
/** Your code called `lease.fetch()` after the end of the lease. */
export const LeaseEndedError = make<[string]>('LEASE_ENDED', 'the lease on model `%s` has ended', 500)

// Group: warnings

/** The engine failed to go to sleep; the gateway stops its processes instead. */
export const SleepError = make<[string, string]>('SLEEP_FAILED', 'the engine of model `%s` could not be put to sleep: %s', 503)
/** The engine did not go to sleep within `timeouts.sleep`; the gateway stops its processes instead. */
export const SleepTimeoutError = make<[string, number]>('SLEEP_TIMEOUT', 'the engine of model `%s` did not go to sleep within %d ms', 503)
/** The engine did not reset its prefix cache within `timeouts.resetPrefixCache`. */
export const ResetPrefixCacheTimeoutError = make<[string, number]>('RESET_PREFIX_CACHE_TIMEOUT', 'the engine of model `%s` did not reset its prefix cache within %d ms', 503)
/** The engine is too old (vLLM before 0.17, or before 0.26 at sleep level 2): switches wait for its requests instead of freezing them. Arguments: the model, the version that freezing needs, the sleep level, the version that its engine reports. */
export const FreezeUnsupportedError = make<[string, string, number, string]>('FREEZE_UNSUPPORTED', 'requests of model `%s` cannot be frozen: that needs %s or newer at sleep level %d, and its engine reports %s', 500)
/** The processes did not end within `timeouts.stop` of SIGTERM. The gateway sends SIGKILL. */
export const StopTimeoutError = make<[string, number]>('STOP_TIMEOUT', 'the processes of model `%s` did not end within %d ms of SIGTERM', 503)
/** SIGKILL did not end the processes. The GPU may still be held, so no other model starts on it. */
export const StopError = make<[string, string]>('STOP_FAILED', 'the processes of model `%s` cannot be ended: %s', 503)
/** `hostMemory` has no room for the weights of a model that goes to sleep at level 1; the message says what the gateway does instead. Arguments: the model, the MiB that it would keep there, the MiB that are left, what the gateway does. */
export const HostMemoryError = make<[string, number, number, string]>('HOST_MEMORY', 'model `%s` would keep %d MiB of host memory asleep, and hostMemory leaves %d MiB: %s', 503)
/** GPU and host share one memory, so the model frees no weights by sleeping at level 1. Arguments: the model, the GPU. */
export const SharedMemoryError = make<[string, number]>('SHARED_MEMORY', 'model `%s` frees no weights by sleeping at level 1, because GPU %d and the host share one memory: set its sleepLevel to 2 or 3', 500)
/** GPU memory was not free again within `timeouts.memory`. The next start may fail for lack of memory. */
export const MemoryTimeoutError = make<[number]>('MEMORY_TIMEOUT', 'GPU memory did not come back within %d ms', 503)
/** `gpuMemoryCommand` failed, so the gateway cannot see GPU memory and relies on the end of the processes. */
export const MemoryCommandError = make<[string]>('MEMORY_COMMAND', 'GPU memory could not be read: %s', 503)
/** The shell that stops the engines after a SIGKILL of the gateway is not running: engines would outlive the gateway. */
export const WatcherError = make<[string]>('WATCHER', 'the watcher that stops engines after this process is killed is not running: %s', 500)
/** The file that lists engines for the next gateway cannot be read or written: left-over engines would not be found. Arguments: the file, details. */
export const LedgerError = make<[string, string]>('LEDGER', 'cannot use %s, which lists the process groups of a gateway: %s', 500)
/** A killed gateway left engines behind; the message says what happened to them. */
export const OrphansError = make<[string]>('ORPHANS', 'a gateway that did not shut down properly left engines behind: %s', 500)
/** With this policy and these limits, a request can wait longer than `timeouts.queue` allows. */
export const LongWaitError = make<[number, number]>('LONG_WAIT', 'with these options a request can wait %d ms for its model, but is refused after %d ms: raise timeouts.queue, or lower timeouts.drain', 503)
/** The process gets less time to close than `timeouts.grace`, so streams are cut. Arguments: what gives it too little time, `timeouts.grace`. */
export const CloseDelayError = make<[string, number]>('CLOSE_DELAY', '%s, but streams may run for %d ms (timeouts.grace), so they are cut. Give the server more time, or lower timeouts.grace', 503)
/** `learnedFile` could not be read or written; the gateway measures again. */
export const LearnedFileError = make<[string, string]>('LEARNED_FILE', 'cannot use learnedFile %s: %s', 500)
/** A file of `record` could not be written, and recording to it has stopped. */
export const RecordError = make<[string, string]>('RECORD', 'recording to %s has stopped: %s', 500)
/** The policy threw an error or made an impossible decision, and `fifo` decided in its place. */
export const PolicyError = make<[string]>('POLICY', 'the policy failed, and fifo decided in its place: %s', 500)

// Group: simulator

/** A file of requests cannot be read. Arguments: the line, what is wrong with it. */
export const TraceError = make<[number, string]>('TRACE', 'line %d: %s', 500)
/** The policy failed, or a request would wait forever. */
export const SimulationError = make<[string]>('SIMULATION', 'the simulation failed: %s', 500)
