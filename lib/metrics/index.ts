import { createRequire } from 'node:module'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { register } from 'prom-client'
import type { Registry } from 'prom-client'
import { systemClock } from '../clock.ts'
import type { Llmux } from '../host/llmux.ts'
import { llmuxOf } from '../host/registered.ts'
import { countEvents } from './from-events.ts'
import { readStatus } from './from-status.ts'
import { GpuActivity } from './gpu-activity.ts'
import { Instruments } from './instruments.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The registry of llmux's metrics: `await fastify.llmuxMetrics.metrics()` is the text for Prometheus. */
    llmuxMetrics: Registry
  }
}

export interface MetricsOptions {
  /** Where the metrics go. Default: prom-client's global registry. */
  registry?: Registry
}

const { version } = createRequire(import.meta.url)('fastify-llmux/package.json') as { version: string }

/** Connects events and status to that registry. Returns a function that removes the metrics. */
function registerMetrics (llmux: Llmux, registry: Registry): () => void {
  const { events } = llmux
  const { models } = llmux.status()
  const gpusOf = new Map(models.map(({ name, gpus }) => [name, gpus]))
  const instruments = new Instruments(registry, () => {
    activity.settle()
    readStatus(llmux.status(), systemClock.now(), instruments)
  })
  const activity = new GpuActivity({
    events,
    gpusOf,
    switching: () => switchingGpus(llmux, gpusOf),
    now: systemClock.now,
    onTime: (gpu, activity, ms) => instruments.count('llmux_gpu_activity_seconds_total', { gpu: String(gpu), activity }, ms / 1000)
  })
  const begin = () => instruments.begin(llmux.status().models)
  begin()
  // Changed by `fastify.llmux.update()`.
  events.on('models', begin)
  instruments.set('llmux_build_info', { version, node_version: process.version }, 1)
  const stop = countEvents(events, instruments)
  return () => {
    stop()
    events.off('models', begin)
    activity.close()
    instruments.remove()
  }
}

function switchingGpus (llmux: Llmux, gpusOf: ReadonlyMap<string, readonly number[]>): Set<number> {
  const underWay = llmux.status().transitions.filter(({ phase }) => phase !== 'idle')
  return new Set(underWay.flatMap(({ wake, evict }) => [...evict, ...wake === undefined ? [] : [wake]]).flatMap(model => gpusOf.get(model) ?? []))
}

/** Metrics for Prometheus. It adds no route: your server decides which route shows them, and to whom. */
async function llmuxMetrics (fastify: FastifyInstance, { registry = register }: MetricsOptions): Promise<void> {
  const remove = registerMetrics(llmuxOf(fastify), registry)
  fastify.decorate('llmuxMetrics', registry)
  fastify.addHook('onClose', async () => remove())
}

/** Metrics for Prometheus, in your registry. It adds no route: add one yourself. Register it after llmux. */
const plugin = fp(llmuxMetrics, { fastify: '5.x', name: 'fastify-llmux-metrics' })

export default plugin

export { llmuxMetrics }
