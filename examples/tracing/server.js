// Traces by OpenTelemetry: the SDK is set up before the server, and its spans are printed. In production they go to a collector.
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { ConsoleSpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'

new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] }).register()
// For the HTTP calls of your own code; those without a span around them, as the gateway's own calls to its engines, make none.
new UndiciInstrumentation({ requireParentforSpans: true }).enable()

const app = Fastify({ logger: true })

await app.register(llmux, { models: { 'qwen-14b': { path: 'Qwen/Qwen3-14B' }, 'gemma-12b': { path: 'google/gemma-3-12b-it' } } })

await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
