import type { Address } from '../../engines/index.ts'
import type { ResolvedModel } from '../../options/types.ts'
import type { Outside } from '../orphans/outside.ts'
import { engineArgv, engineEnv, stopArgv } from './command.ts'
import { containerName, containerOutside, runArgv } from './container.ts'

/** What is spawned for an engine. */
export interface Spawn {
  argv: string[]
  /** Beyond our own environment. */
  env: Record<string, string>
  /** What comes to be outside the process group of that number, if anything does. */
  outside: (pid: number) => Outside | undefined
}

/** `memoryShare`: as `Driver.spawn` has it. */
export function spawnOf (model: ResolvedModel, address: Address, memoryShare?: number): Spawn {
  const { id, container, engine: { keyVariable } } = model
  const argv = engineArgv(model, address, memoryShare)
  const env = engineEnv(model)
  if (container === undefined) return { argv, env, outside: pid => stopOutside(stopArgv(model, pid)) }
  const name = containerName(id)
  // A container has nothing of the gateway's environment, where the key may be.
  const key = keyVariable === undefined ? undefined : process.env[keyVariable]
  const whole = { ...(keyVariable !== undefined && key !== undefined && { [keyVariable]: key }), ...env }
  return { argv: runArgv(name, { ...model, container, address, argv, env: whole }), env: whole, outside: () => containerOutside(name, container) }
}

/** The program that is run, and where it is looked for: it does not depend on where the engine is to listen. */
export function programOf (model: ResolvedModel): { file: string, searchPath: string } {
  const [file = ''] = model.container?.command ?? engineArgv(model, { port: model.port ?? 0 })
  return { file, searchPath: model.env['PATH'] ?? process.env['PATH'] ?? '' }
}

function stopOutside (command: string[] | undefined): Outside | undefined {
  return command && { signal: () => command, end: command }
}
