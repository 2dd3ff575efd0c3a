import Fastify, { type FastifyInstance } from 'fastify'
import health from '../health/index.ts'
import llmux from '../index.ts'
import type { ServeArguments } from './arguments.ts'
import type { Config } from './config/config.ts'
import { readConfig } from './config/read.ts'
import { gate, keysFrom } from './gate.ts'
import { reloadOnHangup } from './reload.ts'

/** Open to everybody: whoever probes has no key. */
const healthPrefix = '/health'

/** Resolves when the gateway listens; SIGTERM and SIGINT end it, which the plugin sees to. */
export async function serve ({ config: file, port, host }: ServeArguments): Promise<number> {
  const config = await readConfig(file)
  const app = await buildGateway(config, file)
  const address = { port: port ?? config.gateway.port, host: host ?? config.gateway.host }
  try {
    await app.listen(address)
  } catch (error) {
    await app.close()
    throw error
  }
  return 0
}

async function buildGateway ({ options, gateway, shape, notes }: Config, file: string): Promise<FastifyInstance> {
  const app = Fastify({ logger: { level: gateway.logLevel } })
  const keys = keysFrom(process.env['LLMUX_API_KEYS'], gateway.keys)
  app.log.info({ file, shape, models: Object.keys(options.models) }, `${file} has the fields of ${shape}`)
  for (const { field, text } of notes) app.log.warn({ field }, `${field} ${text}`)
  if (keys.length > 0) await gate(app, keys, healthPrefix)
  else app.log.warn('no keys are set: whoever reaches this address may use the models (LLMUX_API_KEYS)')
  await app.register(llmux, { ...options, closeWithGrace: true })
  await app.register(health, { prefix: healthPrefix })
  reloadOnHangup(app, file)
  return app
}
