import { adapterFault, engineOf, type EngineAdapter } from '../engines/index.ts'
import { flagOf, memoryShare } from '../engines/arguments.ts'
import { OptionsError } from '../errors.ts'
import { optionPath } from './path.ts'
import type { Command, ModelOptions, ResolvedModel } from './types.ts'

type Checked = Pick<ResolvedModel, 'id' | 'engine' | 'args' | 'gpuShare' | 'sleepLevel' | 'sleepMode' | 'port' | 'url' | 'command' | 'adapters' | 'adapterPaths'>

/** @throws {OptionsError} for an adapter that is not one. */
export function resolveEngine (id: string, engine: NonNullable<ModelOptions['engine']>): EngineAdapter {
  const adapter = engineOf(engine)
  const [key, demand] = adapterFault(adapter) ?? []
  if (key !== undefined) throw new OptionsError(optionPath('models', id, 'engine', key), demand!)
  return adapter
}

/** @throws {OptionsError} for adapters to be loaded by an engine that cannot. */
export function resolveAdapters (id: string, { adapters = [] }: ModelOptions, engine: EngineAdapter): Pick<ResolvedModel, 'adapters' | 'adapterPaths'> {
  if (Array.isArray(adapters)) return { adapters, adapterPaths: {} }
  if (engine.lora === undefined) throw new OptionsError(optionPath('models', id, 'adapters'), `must be a list of names: ${engine.name} cannot load adapters while it runs`)
  return { adapters: Object.keys(adapters), adapterPaths: adapters }
}

/** The top-level command is for the default engine. @throws {OptionsError} if there is none. */
export function resolveCommand (id: string, engine: NonNullable<ModelOptions['engine']>, inherited: Command): Command {
  const own = engine === 'vllm' ? inherited : engineOf(engine).command
  if (own === undefined) throw new OptionsError(optionPath('models', id, 'command'), 'must be given: this engine has none of its own')
  return own
}

/** What an engine requires of a model's options. */
export function checkEngine (model: Checked): void {
  checkLevel(model)
  checkAdapters(model)
  checkArgs(model)
  checkGpuShare(model)
  checkAddress(model)
}

function checkLevel ({ id, engine, sleepLevel }: Checked): void {
  if (sleepLevel === 3 || engine.levels.includes(sleepLevel)) return
  throw new OptionsError(optionPath('models', id, 'sleepLevel'), `must be ${[...engine.levels].sort().join(' or ')} for ${engine.name}, not ${sleepLevel}`)
}

/** Level 2 discards the weights of adapters as well, and vLLM does not load them again. */
function checkAdapters ({ id, sleepLevel, sleepMode, adapters, adapterPaths }: Checked): void {
  if (sleepLevel !== 2 || sleepMode !== true || adapters.every(name => Object.hasOwn(adapterPaths, name))) return
  throw new OptionsError(optionPath('models', id, 'adapters'), 'must be an object of paths by name where sleepLevel is 2, which discards the weights of adapters: the gateway then loads them again')
}

function checkArgs ({ id, engine: { ownFlags }, args }: Checked): void {
  for (const [index, argument] of args.entries()) {
    const flag = flagOf(argument)
    const instead = ownFlags?.get(flag)
    if (instead !== undefined) throw new OptionsError(optionPath('models', id, 'args', index), `must not be ${flag}: ${instead}`)
  }
}

/** Models that fit together by their options must also fit by their engines' arguments. */
function checkGpuShare ({ id, engine, args, gpuShare }: Checked): void {
  const taken = memoryShare(engine, args)
  if (taken !== undefined && taken > gpuShare) {
    throw new OptionsError(optionPath('models', id, 'gpuShare'), `must be at least ${taken}, which ${engine.memoryFlag} in args takes, not ${gpuShare}`)
  }
}

function checkAddress ({ id, engine, command, port, url }: Checked): void {
  if (port !== undefined || url !== undefined || typeof command === 'function') return
  const words = typeof command === 'string' ? command.trim().split(/\s+/) : command
  if (engine.usesSocket?.(words) === false) throw new OptionsError(optionPath('models', id, 'port'), `must be given: ${engine.name} is not told to listen on a socket`)
}
