import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import type { Context } from '@opentelemetry/api'
import { operationOf } from '../../gen-ai.ts'
import type { TracingContext } from './load.ts'
import { SpanTrace } from './span-trace.ts'
import { SwitchSpans } from './switch-spans.ts'
import type { TracedRequest, Tracing } from './trace.ts'

/** A span for each request, in the trace that it came with, by the SDK that the host has chosen. */
export class SpanTracing implements Tracing {
  readonly #tracer = trace.getTracer('fastify-llmux')
  readonly #providerOf: TracingContext['providerOf']
  readonly #waiting = new Set<SpanTrace>()

  constructor ({ events, providerOf }: TracingContext) {
    this.#providerOf = providerOf
    if (events !== undefined) new SwitchSpans(this.#tracer, this.#waiting).follow(events)
  }

  begin (request: TracedRequest): SpanTrace {
    const { model, route, arrived } = request
    const operation = operationOf.get(route) ?? route
    const provider = model === undefined ? undefined : this.#providerOf(model)
    const parent = parentOf(request)
    const span = this.#tracer.startSpan(model === undefined ? operation : `${operation} ${model}`, {
      kind: SpanKind.CLIENT,
      startTime: arrived,
      attributes: {
        'gen_ai.operation.name': operation,
        ...(provider !== undefined && { 'gen_ai.provider.name': provider }),
        ...(model !== undefined && { 'gen_ai.request.model': model })
      }
    }, parent)
    return new SpanTrace({ tracer: this.#tracer, span, context: trace.setSpan(parent, span), request, waiting: this.#waiting })
  }
}

/** The span that is active, as that of an instrumentation of HTTP; without one, what the client says. */
function parentOf ({ headers }: TracedRequest): Context {
  const active = context.active()
  return trace.getSpan(active) === undefined ? propagation.extract(active, headers) : active
}
