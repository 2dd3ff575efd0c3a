import type { LlmuxError } from '../../errors.ts'
import { errorType } from '../error-answer.ts'

/** `LLMUX_ERR_ENGINE_DIED` is `engine_died` in an event stream. */
function eventCode ({ code }: LlmuxError): string {
  return code.replace(/^LLMUX_ERR_/, '').toLowerCase()
}

/** An error in the dialect of the route, as the last event of a stream. */
export function errorEvent (path: string, error: LlmuxError): string {
  const { statusCode, message } = error
  const type = errorType(statusCode)
  const code = eventCode(error)
  if (path === '/v1/messages') return named({ type: 'error', error: { type: type === 'server_error' ? 'api_error' : type, message, code } })
  if (path === '/v1/responses') return named({ type: 'error', code, message, param: null })
  return `data: ${JSON.stringify({ error: { message, type, param: null, code } })}\n\n`
}

function named (data: object): string {
  return `event: error\ndata: ${JSON.stringify(data)}\n\n`
}
