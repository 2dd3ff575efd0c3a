import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { options, serve } from './child.js'
import { engineCommand } from './programs.js'

/** @type {{ kind: 'bare' | 'llmux', enginePort: number }} */
const { kind, enginePort } = options()

const app = Fastify()
if (kind === 'bare') await app.register(httpProxy, { upstream: `http://127.0.0.1:${enginePort}` })
else await app.register(llmux, { closeWithGrace: false, models: { bench: { port: enginePort, command: [...engineCommand] } } })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
// The engine is llmux's own; the other relay shares it.
if (kind === 'llmux') await app.llmux.switchTo('bench')

serve({ url: () => url, cpu: () => process.cpuUsage() }, () => app.close())
