import cors from '@fastify/cors'
import Fastify, { type FastifyInstance } from 'fastify'
import health from '../health/index.ts'
import llmux from '../index.ts'
import type { ServeArguments } from './arguments.ts'
import type { Config } from './config/config.ts'
import { readConfig } from './config/read.ts'
import { demoConfig } from './demo/config.ts'
import { makeTraffic } from './demo/traffic.ts'
import { gate, keysFrom } from './gate.ts'
import { isOperators, operate } from './operate.ts'

/** Open to everyone: probes have no key. */
const healthPrefix = '/health'

/** Resolves when the gateway listens. The plugin closes it on SIGTERM and SIGINT. */
export async function serve ({ config: file, port, host }: ServeArguments): Promise<number> {
  const config = file === undefined ? demoConfig() : await readConfig(file)
  const address = { port: port ?? config.gateway.port, host: host ?? config.gateway.host }
  const { app, page } = await buildGateway(config, file, address.host)
  try {
    const url = await app.listen(address)
    page(url)
  } catch (error) {
    await app.close()
    throw error
  }
  return 0
}

async function buildGateway ({ options, gateway, shape, notes }: Config, file: string | undefined, host: string) {
  const app = Fastify({ logger: { level: gateway.logLevel } })
  const keys = keysFrom(process.env['LLMUX_API_KEYS'], gateway.keys)
  const models = Object.keys(options.models)
  if (file === undefined) app.log.info({ models }, 'this is a demo: mock engines and made-up traffic')
  else app.log.info({ file, shape, models }, `${file} has the fields of ${shape}`)
  for (const { field, text } of notes) app.log.warn({ field }, `${field} ${text}`)
  await shareAcrossOrigins(app, gateway.cors)
  if (keys.length > 0) await gate(app, keys, route => route.startsWith(`${healthPrefix}/`) || isOperators(route))
  else app.log.warn('no keys are set (LLMUX_API_KEYS): everyone who reaches this address may use the models')
  await app.register(llmux, { ...options, closeWithGrace: true })
  await app.register(health, { prefix: healthPrefix })
  const page = await operate(app, { host, adminKey: process.env['LLMUX_ADMIN_KEY'] ?? gateway.adminKey, metricsKey: process.env['LLMUX_METRICS_KEY'] ?? gateway.metricsKey })
  if (file === undefined) makeTraffic(app, models, keys[0])
  else reloadOnHangup(app, file)
  return { app, page }
}

/** Only the models' routes: pages of other origins must not reach the operators'. */
async function shareAcrossOrigins (app: FastifyInstance, origins: Config['gateway']['cors']): Promise<void> {
  if (origins !== true && origins.length === 0) return
  await app.register(cors, {
    delegator: (request, done) => done(null, { origin: isOperators(request.url.split('?', 1)[0]!) ? false : origins })
  })
}

/** SIGHUP reads the models of the file again. A wrong file changes nothing. */
function reloadOnHangup (app: FastifyInstance, file: string): void {
  const reload = async () => {
    const { options: { models } } = await readConfig(file)
    return await app.llmux.update(models)
  }
  const listener = () => {
    reload().then(
      ({ added, removed, changed }) => app.log.info({ added, removed, changed }, `${file} reloaded`),
      error => app.log.error({ err: error }, `${file} not reloaded: ${error.message}`)
    )
  }
  process.on('SIGHUP', listener)
  app.addHook('onClose', async () => { process.off('SIGHUP', listener) })
}
