import { OptionsError } from '../errors.ts'
import { originOf } from './checks.ts'
import { optionPath } from './path.ts'
import type { ModelOptions } from './types.ts'

/** Options about processes and GPUs, of which a server that runs elsewhere has none here. */
const excluded = [
  'command', 'args', 'env', 'container', 'stopCommand', 'port', 'gpus', 'gpuShare', 'resident', 'keepAwake', 'idleTimeout', 'idleStopTimeout', 'sleepLevel', 'sleepMode', 'level2Safe'
] as const satisfies Array<keyof ModelOptions>

/** Milliseconds that requests wait for a server which is not ready: nobody here can start it. */
export const elsewhereStart = 10_000

/** The origin of the server, if the model's runs elsewhere. @throws {OptionsError} for options that make no sense together */
export function resolveUrl (id: string, model: ModelOptions): string | undefined {
  const { url, apiKey, engine } = model
  const own = (option: string) => optionPath('models', id, option)
  if (url === undefined) {
    if (apiKey !== undefined) throw new OptionsError(own('apiKey'), 'must be left out where there is no url')
    return undefined
  }
  if (engine !== 'openai') throw new OptionsError(own('engine'), "must be 'openai' where there is a url")
  const extra = excluded.find(option => model[option] !== undefined)
  if (extra !== undefined) throw new OptionsError(own(extra), 'must be left out where there is a url: the gateway does not run that server')
  return originOf(own('url'), url)
}
