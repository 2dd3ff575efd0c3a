import type { ResponseEnd } from './events.ts'
import { knownRoutes } from './options/index.ts'

/** OpenTelemetry's names for operations (`gen_ai.operation.name`), where there are any. */
const operations: Record<string, string> = {
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
  '/v1/messages': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
  '/v2/embed': 'embeddings'
}

/** By route: others use the last word of their path, which the convention allows. */
export const operationOf: ReadonlyMap<string, string> = new Map(
  knownRoutes.map(({ path }) => [path, operations[path] ?? path.split('/').at(-1)!])
)

/** OpenTelemetry's `error.type` of a request: a code of ours, the status that it was answered with, or `left`. Empty if all went well. */
export function errorType ({ outcome, code, status }: ResponseEnd): string {
  if (outcome === 'ok') return ''
  return code ?? (outcome === 'left' ? 'left' : String(status))
}
