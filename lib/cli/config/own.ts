import type { LlmuxOptions, LogLevel } from '../../options/types.ts'
import { gatewayDefaults, type Config, type GatewayOptions } from './config.ts'
import { withDurations } from './durations.ts'
import { Fields } from './fields.ts'
import { OptionsError } from '../../errors.ts'
import { suggestion } from '../../options/explanation.ts'

const serverFields = ['port', 'host', 'keys', 'adminKey', 'metricsKey', 'cors', 'logLevel']

/** The plugin's options as they are, and beside them `server`, for the gateway that `serve` makes. */
export function readOwn (content: unknown): Config {
  const top = new Fields(content)
  const gateway = readServer(top.object('server'))
  return { shape: 'fastify-llmux', options: withDurations(Object.fromEntries(top.unread())) as LlmuxOptions, gateway, notes: [] }
}

function readServer (server: Fields | undefined): GatewayOptions {
  if (server === undefined) return { ...gatewayDefaults }
  const adminKey = server.string('adminKey')
  const metricsKey = server.string('metricsKey')
  const gateway: GatewayOptions = {
    port: server.number('port') ?? gatewayDefaults.port,
    host: server.string('host') ?? gatewayDefaults.host,
    keys: server.strings('keys') ?? [],
    ...(adminKey !== undefined && { adminKey }),
    ...(metricsKey !== undefined && { metricsKey }),
    cors: server.any('cors') === true || (server.strings('cors') ?? []),
    logLevel: server.string('logLevel') as LogLevel ?? gatewayDefaults.logLevel
  }
  // Refused, as the plugin refuses what it does not know: a misspelled `keys` would leave the door open.
  const [unknown] = server.unread()
  if (unknown !== undefined) throw new OptionsError(server.pathOf(unknown[0]), `is unknown: ${suggestion(unknown[0], serverFields)}`)
  return gateway
}
