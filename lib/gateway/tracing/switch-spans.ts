import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api'
import type { Attributes, Tracer } from '@opentelemetry/api'
import type { LlmuxError } from '../../errors.ts'
import type { LlmuxEvents, TransitionChange } from '../../events.ts'
import { fail } from './span-trace.ts'
import type { SpanTrace } from './span-trace.ts'

/** A span for each switch, in the trace of the request that it is for; those of all others that have waited for it are linked to it. */
export class SwitchSpans {
  readonly #tracer: Tracer
  readonly #waiting: ReadonlySet<SpanTrace>

  constructor (tracer: Tracer, waiting: ReadonlySet<SpanTrace>) {
    this.#tracer = tracer
    this.#waiting = waiting
  }

  follow (events: LlmuxEvents): void {
    events.on('transition', change => { if (change.to === 'idle') this.#ended(change) })
  }

  #ended (change: TransitionChange): void {
    const { wake, time, phases, outcome, error } = change
    const waiting = [...this.#waiting].filter(({ request }) => request.model === wake)
    const cause = waiting.find(({ request }) => request.request === change.request)
    const began = time - Object.values(phases).reduce((sum, ms) => sum + ms, 0)
    const span = this.#tracer.startSpan(wake === undefined ? 'switch' : `switch ${wake}`, { kind: SpanKind.INTERNAL, startTime: began, attributes: attributesOf(change) }, cause?.wait?.context ?? ROOT_CONTEXT)
    if (outcome === 'failed') fail(span, (error as LlmuxError | undefined)?.code ?? '_OTHER', error?.message)
    span.end(time)
    for (const other of waiting) if (other !== cause) other.wait?.span.addLink({ context: span.spanContext() })
  }
}

/** Phases in seconds. */
function attributesOf ({ wake, evict, reason, outcome, phases, frozen }: TransitionChange): Attributes {
  return {
    ...(wake !== undefined && { 'gen_ai.request.model': wake }),
    'llmux.evict': evict,
    'llmux.reason': reason,
    ...(outcome !== undefined && { 'llmux.outcome': outcome }),
    ...(frozen !== undefined && { 'llmux.frozen': frozen }),
    ...Object.fromEntries(Object.entries(phases).map(([phase, ms]) => [`llmux.phase.${phase}`, ms / 1000]))
  }
}
