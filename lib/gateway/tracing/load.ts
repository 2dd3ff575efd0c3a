import type { FastifyBaseLogger } from 'fastify'
import type { LlmuxEvents } from '../../events.ts'
import type { Tracing } from './trace.ts'

export interface TracingContext {
  /** The spans of switches. Default: none. */
  events?: LlmuxEvents
  /** The kind of engine that a model has, `vllm` for example; undefined if it is not known. */
  providerOf: (model: string) => string | undefined
  log: FastifyBaseLogger
}

/** Where OpenTelemetry's API, in all its copies, keeps what is registered with it: as long as that is nothing, it would do nothing. */
const registered = Symbol.for('opentelemetry.js.api.1')

/** Spans for OpenTelemetry, if something is registered with its API, as SDKs do before anything else begins. */
export async function loadTracing (context: TracingContext): Promise<Tracing | undefined> {
  if (!(registered in globalThis)) return undefined
  try {
    const { SpanTracing } = await import('./span-tracing.ts')
    return new SpanTracing(context)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    context.log.info('no spans: @opentelemetry/api is in use, but not where fastify-llmux finds it')
    return undefined
  }
}
