import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import fleet from 'fastify-llmux/fleet'
import { options, serve } from './child.js'

/** With one upstream: a bare proxy. @type {{ upstream?: string, nodes?: string[] }} */
const { upstream, nodes = [] } = options()

const app = Fastify()
if (upstream !== undefined) await app.register(httpProxy, { upstream })
else await app.register(fleet, { nodes, adminKey: 'bench', stale: 60_000 })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

serve({
  url: () => url,
  cpu: () => process.cpuUsage(),
  /** How many nodes take requests. */
  up: () => app.llmuxFleet.status().nodes.filter(({ condition }) => condition === 'up').length
}, () => app.close())
