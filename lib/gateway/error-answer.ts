import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { LlmuxError } from '../errors.ts'

/** Seconds after which trying again makes sense at the earliest. */
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
/** The Python client of OpenAI ignores more than that. */
const longestRetryAfter = 120

/** Errors after which the model can be had again, but not before its turn has come. Where it was waited for in vain, only a person should try. */
const untilServed = new Set([
  'QUEUE_FULL', 'QUEUE_TIMEOUT', 'DRAIN_TIMEOUT', 'PROCESS_DIED', 'SPAWN_FAILED', 'START_TIMEOUT', 'WAKE_FAILED', 'WAKE_TIMEOUT', 'RELOAD_TIMEOUT'
].map(name => `LLMUX_ERR_${name}`))

/** The request was not read to its end, so nothing more can come over this connection. */
const bodyUnread = new Set(['LLMUX_ERR_BODY_TOO_LARGE', 'LLMUX_ERR_BODY_TIMEOUT'])

const aboutModel = new Set(['LLMUX_ERR_MODEL_MISSING', 'LLMUX_ERR_MODEL_NOT_STRING', 'LLMUX_ERR_MODEL_NOT_FOUND'])

/** Has the code of an error that is ours, and not the engine's: whoever stands before several gateways need not read the body. */
export const errorHeader = 'x-llmux-error'

/** An error as OpenAI's clients expect it. */
export interface ErrorBody {
  error: { message: string, type: string, param: string | null, code: string }
}

export interface AnswerOptions {
  /** How many seconds one would wait who came now, if that can be said. */
  waitOf?: (request: FastifyRequest) => number | undefined
  /** Whether an engine's last lines are shown. Default false. */
  exposeEngineOutput?: boolean
}

/** Answers errors of ours in OpenAI's shape; all others are the host's to answer. */
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

/** OpenAI's clients try 408 and all from 500 on twice more by themselves, unless they are told not to. */
function worthATry ({ code, retryAfter }: LlmuxError): boolean {
  return retryAfter !== undefined || code in leastRetryAfter
}

function secondsUntilServed (code: string, wait: () => number | undefined): number | undefined {
  const least = leastRetryAfter[code]
  const seconds = untilServed.has(code) ? wait() : undefined
  return seconds === undefined ? least : Math.max(seconds, least ?? 1)
}

/** Without the lines that an engine wrote last, unless those are to be seen. */
export function errorBody ({ message, code, statusCode, lastLines = [] }: LlmuxError, exposeEngineOutput = false): ErrorBody {
  const shown = exposeEngineOutput && lastLines.length > 0 ? `${message}; its last lines:\n${lastLines.join('\n')}` : message
  return { error: { message: shown, type: errorType(statusCode), param: aboutModel.has(code) ? 'model' : null, code } }
}

/** In OpenAI's words. */
export function errorType (statusCode: number): string {
  if (statusCode === 429) return 'rate_limit_error'
  return statusCode < 500 ? 'invalid_request_error' : 'server_error'
}
