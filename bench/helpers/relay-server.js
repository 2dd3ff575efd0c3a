import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { ceiling } from './ceiling.js'
import { fastifyRelay } from './fastify-relay.js'
import { options, serve } from './child.js'
import { engineCommand } from './programs.js'

/** @type {{ kind: 'ceiling' | 'fastify' | 'bare' | 'llmux', enginePort: number }} */
const { kind, enginePort } = options()

async function startCeiling () {
  const server = ceiling(enginePort).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}`, async close () { server.closeAllConnections(); server.close() } }
}

async function startFastify () {
  const app = kind === 'fastify' ? fastifyRelay(enginePort) : Fastify({ bodyLimit: 32 * 1024 ** 2 })
  if (kind === 'bare') await app.register(httpProxy, { upstream: `http://127.0.0.1:${enginePort}` })
  else if (kind === 'llmux') await app.register(llmux, { closeWithGrace: false, models: { bench: { port: enginePort, command: [...engineCommand], maxConcurrency: 10_000 } } })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  // The engine is llmux's own; the other relays share it.
  if (kind === 'llmux') await app.llmux.switchTo('bench')
  return { url, close: () => app.close() }
}

const { url, close } = await (kind === 'ceiling' ? startCeiling() : startFastify())

const delays = monitorEventLoopDelay({ resolution: 1 })
delays.enable()

serve({
  url: () => url,
  cpu: () => process.cpuUsage(),
  rss: () => process.memoryUsage.rss(),
  /** Since the last call, in milliseconds, less the time between two looks. */
  delays: () => {
    const result = { p99: delays.percentile(99) / 1e6 - 1, most: delays.max / 1e6 - 1 }
    delays.reset()
    return result
  }
}, close)
