import createError from '@fastify/error'
import type { StartCause } from './start-causes.ts'

/** What all our errors have in common: recognisable by `instanceof`, and across versions by a code that starts with `LLMUX_ERR_`. */
export class LlmuxError extends Error {
  declare code: string
  declare statusCode: number
  /** Seconds after which trying again makes sense, if it is known better than by the code alone. */
  declare retryAfter?: number
  /** Why a start came to nothing. */
  declare startCause?: StartCause
  /** What the engine said of that, in one line. For operators: it may have paths, arguments and the like. */
  declare causeLine?: string
  /** What the engine wrote last, if it died. For operators, too: `message` has none of it. */
  declare lastLines?: readonly string[]
  declare toJSON?: () => object
}

// JSON has nothing of the engine's output: it may be on its way to a client.
LlmuxError.prototype.toJSON = function (this: LlmuxError) {
  const { code, message, startCause } = this
  return { code, message, ...(startCause !== undefined && { startCause }) }
}

/**
 * An error class of ours, called with or without `new`. A type of our own: the namespace that @fastify/error exports is not
 * found under every `moduleResolution`, and with `skipLibCheck` the classes would be `any`.
 */
export interface LlmuxErrorConstructor<Args extends unknown[]> {
  new (...args: Args): LlmuxError
  (...args: Args): LlmuxError
  readonly prototype: LlmuxError
}

type Text = string | number

const make = <Arg extends Text[]>(code: string, message: string, statusCode: number): LlmuxErrorConstructor<[...Arg, { cause?: unknown }?]> =>
  createError(`LLMUX_ERR_${code}`, message, statusCode, LlmuxError as unknown as ErrorConstructor) as unknown as LlmuxErrorConstructor<[...Arg, { cause?: unknown }?]>

// Raised at registration.

/** A wrong option. Arguments: the path of the option, what is allowed. */
export const OptionsError = make<[string, string]>('OPTIONS', 'llmux: option %s %s', 500)
export const AlreadyRegisteredError = make<[]>('ALREADY_REGISTERED', 'llmux is already registered in this server: name all models in one registration', 500)
/** What needs llmux was registered, or asked for, before it. */
export const NotRegisteredError = make<[]>('NOT_REGISTERED', 'fastify-llmux is not registered in this server yet: register it first', 500)

// A request that cannot be served as it is.

export const BodyNotJsonError = make<[string]>('BODY_NOT_JSON', 'the body is not valid JSON: %s', 400)
export const BodyNotMultipartError = make<[string]>('BODY_NOT_MULTIPART', 'the body is not valid multipart/form-data: %s', 400)
export const ModelMissingError = make<[]>('MODEL_MISSING', 'the request names no model', 400)
export const ModelNotStringError = make<[string]>('MODEL_NOT_STRING', 'model must be a string, not %s', 400)
export const ModelNotFoundError = make<[string]>('MODEL_NOT_FOUND', 'the model `%s` does not exist', 404)
/** Arguments: the method, the path. */
export const RouteNotFoundError = make<[string, string]>('ROUTE_NOT_FOUND', 'there is no route %s %s', 404)
export const BodyTimeoutError = make<[number]>('BODY_TIMEOUT', 'the body was not received within %d ms', 408)
/** The client left, or broke its body off; there is hardly anybody to answer. */
export const BodyAbortedError = make<[]>('BODY_ABORTED', 'the body ended before it was complete', 400)
export const BodyTooLargeError = make<[number]>('BODY_TOO_LARGE', 'the body is larger than %d bytes', 413)
export const QueueFullError = make<[string]>('QUEUE_FULL', 'too many requests are waiting (%s)', 429)

// A call of an operator's that cannot be carried out as it is.

export const UnauthorizedError = make<[]>('UNAUTHORIZED', 'the admin key is missing or wrong', 401)
/** Arguments: the part of the request, what is wrong. */
export const AdminRequestError = make<[string, string]>('ADMIN_REQUEST', '%s %s', 400)
export const OperationNotFoundError = make<[string]>('OPERATION_NOT_FOUND', 'operation %s does not exist, or is no longer remembered', 404)
/** Arguments: of what there are too many, how many there may be. */
export const AdminLimitError = make<[string, number]>('ADMIN_LIMIT', 'too many %s at once: at most %d', 429)
/** A browser sent it from a page of another origin. */
export const CrossSiteError = make<[]>('CROSS_SITE', 'the call comes from a page of another origin, which must not change anything here', 403)
/** Argument: the request's number. */
export const RequestNotFoundError = make<[number]>('REQUEST_NOT_FOUND', 'request %d is neither waiting nor in flight', 404)
export const NoMetricsError = make<[]>('NO_METRICS', 'there are no metrics: pass `registry` to fastify-llmux/admin', 404)

// A request that could not be served. Arguments: the model, then details.

/** The engine died while it held the request. Argument: what happened to it, which names the model. */
export const EngineDiedError = make<[string]>('ENGINE_DIED', 'the request was lost: %s', 502)
/** A client that was promised an event stream cannot be given what the engine has said instead. `statusCode` is then the engine's, if that is an error's. */
export const EngineAnswerError = make<[string, number, string]>('ENGINE_ANSWER', 'the engine of model `%s` answered %d and no event stream: %s', 502)
export const UpstreamError = make<[string]>('UPSTREAM', 'the upstream did not answer: %s', 502)
export const QueueTimeoutError = make<[string, number]>('QUEUE_TIMEOUT', 'the request for model `%s` waited longer than %d ms', 504)
/** It was not to cause a switch, and nobody else did. */
export const PassiveTimeoutError = make<[string, number]>('PASSIVE_TIMEOUT', 'model `%s` was not awake within %d ms, and this request may not cause a switch', 504)
export const DrainTimeoutError = make<[string, number]>('DRAIN_TIMEOUT', 'the request was cut: model `%s` had to make room for another model, and %d ms were not enough to finish', 504)
export const GraceTimeoutError = make<[number]>('GRACE_TIMEOUT', 'the request was cut: the server is closing, and %d ms were not enough to finish', 503)
export const ClosingError = make<[]>('CLOSING', 'the server is closing', 503)

/** An operator drains the gateway: another one may serve it. */
export const DrainingError = make<[]>('DRAINING', 'the gateway is being drained', 503)
/** An operator has ended it. */
export const RequestCutError = make<[]>('REQUEST_CUT', 'the request was cut by an operator', 503)
export const ModelDisabledError = make<[string]>('MODEL_DISABLED', 'the model `%s` is disabled', 503)
export const StalledError = make<[number]>('STALLED', 'the request was cut: its client read nothing for %d ms while others waited', 504)
/** The engine answers neither requests nor probes. */
export const WedgedError = make<[string, number]>('WEDGED', 'the engine of model `%s` has not answered for %d ms', 502)

// An edge in front of several gateways.

/** Arguments: the model, why. */
export const NoNodeError = make<[string, string]>('NO_NODE', 'no node can serve model `%s`: %s', 503)
export const FleetFullError = make<[string]>('FLEET_FULL', 'too many requests for model `%s` are waiting on every node', 429)
/** The node died or was cut off while it held the request. Arguments: the node, what happened. */
export const NodeLostError = make<[string, string]>('NODE_LOST', 'the request was lost: node %s: %s', 502)

// An engine that cannot be brought up, or does not go. Arguments: the model, then details.

export const SpawnError = make<[string, string]>('SPAWN_FAILED', 'the engine of model `%s` could not be spawned: %s', 503)
/** What can be known before anything is started: the command is not there, the port is taken. */
export const NotStartableError = make<[string, string]>('NOT_STARTABLE', 'the engine of model `%s` cannot be started: %s', 503)
/** The process ended while starting, waking or going to sleep. */
export const ProcessDiedError = make<[string, string]>('PROCESS_DIED', 'the process of model `%s` died: %s', 503)
export const StartTimeoutError = make<[string, number]>('START_TIMEOUT', 'the engine of model `%s` was not healthy within %d ms', 503)
export const WakeError = make<[string, string]>('WAKE_FAILED', 'the engine of model `%s` could not be woken: %s', 503)
export const WakeTimeoutError = make<[string, number]>('WAKE_TIMEOUT', 'the engine of model `%s` did not wake within %d ms', 503)
export const ReloadTimeoutError = make<[string, number]>('RELOAD_TIMEOUT', 'the engine of model `%s` did not reload its weights within %d ms', 503)
export const SleepError = make<[string, string]>('SLEEP_FAILED', 'the engine of model `%s` could not be put to sleep: %s', 503)
export const SleepTimeoutError = make<[string, number]>('SLEEP_TIMEOUT', 'the engine of model `%s` did not go to sleep within %d ms', 503)
export const ResetPrefixCacheTimeoutError = make<[string, number]>('RESET_PREFIX_CACHE_TIMEOUT', 'the engine of model `%s` did not reset its prefix cache within %d ms', 503)
export const HealthTimeoutError = make<[string, number]>('HEALTH_TIMEOUT', 'the engine of model `%s` did not answer a health probe within %d ms', 503)
/** SIGTERM was not enough: a warning, since SIGKILL follows. */
export const StopTimeoutError = make<[string, number]>('STOP_TIMEOUT', 'the processes of model `%s` did not end within %d ms of SIGTERM', 503)
/** Not even SIGKILL was enough: the GPU may still be held. */
export const StopError = make<[string, string]>('STOP_FAILED', 'the processes of model `%s` cannot be ended: %s', 503)
/** A model whose GPU is still held by processes that cannot be ended. */
export const GpuBlockedError = make<[string, string]>('GPU_BLOCKED', 'model `%s` cannot be started: its GPU is still held by the processes of `%s`, which cannot be ended', 503)
/** The model's engine has no such route. Arguments: the model, the route, what its engine is. */
export const RouteNotServedError = make<[string, string, string]>('ROUTE_NOT_SERVED', 'model `%s` has no route %s: its engine, %s, does not serve it', 404)
/** A lease was used after its end. */
export const LeaseEndedError = make<[string]>('LEASE_ENDED', 'the lease on model `%s` has ended', 500)
/** A warning: a policy threw, or decided something that cannot be. */
export const PolicyError = make<[string]>('POLICY', 'the policy failed, and fifo decided in its place: %s', 500)
/** A warning: waits may be longer than the queue allows. */
export const LongWaitError = make<[number, number]>('LONG_WAIT', 'with these options a request can wait %d ms for its model, but is refused after %d ms: raise timeouts.queue, or lower timeouts.drain', 503)
/** A warning: streams are cut when the server closes. Arguments: who gives it too little time, `timeouts.grace`. */
export const CloseDelayError = make<[string, number]>('CLOSE_DELAY', '%s, but streams may run for %d ms (timeouts.grace), so they are cut. Give the server more time, or lower timeouts.grace', 503)
/** A warning: what was learned could not be read or kept. */
export const LearnedFileError = make<[string, string]>('LEARNED_FILE', 'cannot use learnedFile %s: %s', 500)
/** A warning: recording has ended. */
export const RecordError = make<[string, string]>('RECORD', 'recording to %s has stopped: %s', 500)
/** A warning: requests in flight are waited for rather than frozen. Arguments: the model, what its engine says of its version. */
export const FreezeUnsupportedError = make<[string, string, number, string]>('FREEZE_UNSUPPORTED', 'requests of model `%s` cannot be frozen: that needs %s or newer at sleep level %d, and its engine reports %s', 500)
/** Somebody else holds the memory that it needs: it is not woken or started, for that would break it. Arguments: the model, MiB that it needs and that are free, who holds how much. */
export const GpuMemoryError = make<[string, number, number, string]>('GPU_MEMORY', 'model `%s` needs %d MiB of GPU memory, and %d MiB are free%s', 503)
/** Another gateway on this machine holds the GPU; it passes to this one when that process is gone. Arguments: the model, the GPU, the process. */
export const GpuClaimedError = make<[string, string, number]>('GPU_CLAIMED', 'model `%s` cannot be started: GPU %s belongs to another gateway, process %d. It is taken over when that process has ended', 503)
/** A warning: the next start may fail for lack of memory. */
export const MemoryTimeoutError = make<[number]>('MEMORY_TIMEOUT', 'GPU memory did not come back within %d ms', 503)
/** A warning: without it, the end of the processes is all there is to go by. */
export const MemoryCommandError = make<[string]>('MEMORY_COMMAND', 'GPU memory could not be read: %s', 503)
/** A warning: engines would outlive us if we were killed now. */
export const WatcherError = make<[string]>('WATCHER', 'the watcher that stops engines after this process is killed is not running: %s', 500)
/** A warning: the next gateway would not find what this one leaves behind, or this one what another left. Arguments: the file, then details. */
export const LedgerError = make<[string, string]>('LEDGER', 'cannot use %s, which lists the process groups of a gateway: %s', 500)
/** A warning: what a gateway that was killed has left behind. Argument: what became of it. */
export const OrphansError = make<[string]>('ORPHANS', 'a gateway that did not shut down properly left engines behind: %s', 500)

// Raised by the simulator.

/** A file of requests cannot be read. Arguments: the line, what is wrong with it. */
export const TraceError = make<[number, string]>('TRACE', 'line %d: %s', 500)
export const SimulationError = make<[string]>('SIMULATION', 'the simulation failed: %s', 500)
/** A configuration file that cannot be used. Arguments: the file, then what is wrong. */
export const ConfigError = make<[string, string]>('CONFIG', '%s: %s', 500)
