import { once } from 'node:events'
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { ceiling } from './ceiling.js'
import { options, serve } from './child.js'
import { engineCommand } from './programs.js'

/** @type {{ kind: 'ceiling' | 'bare' | 'llmux', enginePort: number }} */
const { kind, enginePort } = options()

async function startCeiling () {
  const server = ceiling(enginePort).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}`, async close () { server.closeAllConnections(); server.close() } }
}

async function startFastify () {
  const app = Fastify()
  if (kind === 'bare') await app.register(httpProxy, { upstream: `http://127.0.0.1:${enginePort}` })
  else await app.register(llmux, { closeWithGrace: false, models: { bench: { port: enginePort, command: [...engineCommand] } } })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  // The engine is llmux's own; the other relays share it.
  if (kind === 'llmux') await app.llmux.switchTo('bench')
  return { url, close: () => app.close() }
}

const { url, close } = await (kind === 'ceiling' ? startCeiling() : startFastify())

serve({ url: () => url, cpu: () => process.cpuUsage() }, close)
