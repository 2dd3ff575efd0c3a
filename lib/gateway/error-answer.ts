import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { LlmuxError } from '../errors.ts'

/** The shortest time, in seconds, after which a retry makes sense. */
const leastRetryAfter: Record<string, number> = {
  LLMUX_ERR_QUEUE_FULL: 1,
  LLMUX_ERR_ENGINE_DIED: 1,
  LLMUX_ERR_UPSTREAM: 1,
  LLMUX_ERR_CLOSING: 5,
  LLMUX_ERR_DRAINING: 5,
  LLMUX_ERR_NO_NODE: 2,
  LLMUX_ERR_FLEET_FULL: 1,
  LLMUX_ERR_NODE_LOST: 1,
  LLMUX_ERR_GRACE_TIMEOUT: 5,
  LLMUX_ERR_PROCESS_DIED: 10,
  LLMUX_ERR_SPAWN_FAILED: 10,
  LLMUX_ERR_START_TIMEOUT: 30,
  LLMUX_ERR_WAKE_FAILED: 5,
  LLMUX_ERR_WAKE_TIMEOUT: 5,
  LLMUX_ERR_RELOAD_TIMEOUT: 5
}
/** OpenAI's Python client ignores longer times. */
const longestRetryAfter = 120

/**
 * After these errors the model may be available again, but not before its turn. After a timeout in the queue, automatic
 * retries would not help.
 */
const untilServed = new Set([
  'QUEUE_FULL', 'QUEUE_TIMEOUT', 'DRAIN_TIMEOUT', 'PROCESS_DIED', 'SPAWN_FAILED', 'START_TIMEOUT', 'WAKE_FAILED', 'WAKE_TIMEOUT', 'RELOAD_TIMEOUT'
].map(name => `LLMUX_ERR_${name}`))

/** The request was not read to its end, so this connection cannot carry another one. */
const bodyUnread = new Set(['LLMUX_ERR_BODY_TOO_LARGE', 'LLMUX_ERR_BODY_TIMEOUT'])

const aboutModel = new Set(['LLMUX_ERR_MODEL_MISSING', 'LLMUX_ERR_MODEL_NOT_STRING', 'LLMUX_ERR_MODEL_NOT_FOUND'])

/** Has the code of an error of the gateway, not of the engine: a proxy before several gateways need not read the body. */
export const errorHeader = 'x-llmux-error'

/** An error in the shape that OpenAI's clients expect. */
export interface ErrorBody {
  error: { message: string, type: string, param: string | null, code: string }
}

export interface AnswerOptions {
  /** The wait, in seconds, of a request that arrived now, if it can be estimated. */
  waitOf?: (request: FastifyRequest) => number | undefined
  /** Whether to show an engine's last lines. Default false. */
  exposeEngineOutput?: boolean
}

/** Answers llmux's errors in OpenAI's shape; your own error handler answers all others. */
export function errorAnswer ({ waitOf = () => undefined, exposeEngineOutput = false }: AnswerOptions = {}) {
  return (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void => {
    if (!(error instanceof LlmuxError)) throw error
    const { code, statusCode } = error
    const seconds = error.retryAfter ?? secondsUntilServed(code, () => waitOf(request))
    if (seconds !== undefined) reply.header('retry-after', Math.min(Math.max(1, Math.ceil(seconds)), longestRetryAfter))
    if (!worthATry(error) && (statusCode >= 500 || statusCode === 408)) reply.header('x-should-retry', 'false')
    reply.header(errorHeader, code)
    if (bodyUnread.has(code)) reply.header('connection', 'close')
    reply.code(statusCode).type('application/json').send(errorBody(error, exposeEngineOutput))
  }
}

/** OpenAI's clients retry 408 and 5xx twice, unless a header tells them not to. */
function worthATry ({ code, retryAfter }: LlmuxError): boolean {
  return retryAfter !== undefined || code in leastRetryAfter
}

function secondsUntilServed (code: string, wait: () => number | undefined): number | undefined {
  const least = leastRetryAfter[code]
  const seconds = untilServed.has(code) ? wait() : undefined
  return seconds === undefined ? least : Math.max(seconds, least ?? 1)
}

/** Without the engine's last lines, unless the options show them. */
export function errorBody ({ message, code, statusCode, lastLines = [] }: LlmuxError, exposeEngineOutput = false): ErrorBody {
  const shown = exposeEngineOutput && lastLines.length > 0 ? `${message}; its last lines:\n${lastLines.join('\n')}` : message
  return { error: { message: shown, type: errorType(statusCode), param: aboutModel.has(code) ? 'model' : null, code } }
}

/** OpenAI's names for error types. */
export function errorType (statusCode: number): string {
  if (statusCode === 429) return 'rate_limit_error'
  return statusCode < 500 ? 'invalid_request_error' : 'server_error'
}
