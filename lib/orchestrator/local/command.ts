import type { Address, Launch } from '../../engines/index.ts'
import type { CommandContext, ResolvedModel } from '../../options/types.ts'

function words (command: string | string[]): string[] {
  return typeof command === 'string' ? command.trim().split(/\s+/) : command
}

/** The whole command line of an engine. */
export function engineArgv (model: ResolvedModel, address: Address, memoryShare?: number): string[] {
  const { id, path, aliases, args, command, engine, gpus, gpuEnv, sleepLevel } = model
  const devices = gpuEnv.CUDA_VISIBLE_DEVICES ?? gpuEnv.HIP_VISIBLE_DEVICES
  const launch: Omit<Launch, 'command'> = {
    model: id,
    path,
    servedNames: [id, ...aliases],
    address,
    gpus: gpus.length,
    devices,
    sleepMode: model.sleepMode === true,
    sleepLevel,
    memoryShare,
    adapters: adaptersKept(model),
    args: [...args]
  }
  return typeof command === 'function' ? command(contextOf(launch)) : engine.argv({ ...launch, command: words(command) })
}

function contextOf ({ model, path, servedNames, address, devices, sleepMode, memoryShare, args }: Omit<Launch, 'command'>): CommandContext {
  return { model, path, servedNames, ...address, ...(devices !== undefined && { devices: devices.split(',') }), sleepMode, ...(memoryShare !== undefined && { memoryShare }), args }
}

/** What ends an engine that signals do not reach; undefined where they do. */
export function stopArgv ({ id, stopCommand, port }: ResolvedModel, pid: number): string[] | undefined {
  const values: Record<string, string> = { pid: String(pid), name: id, port: String(port ?? '') }
  return stopCommand === undefined ? undefined : words(stopCommand).map(word => word.replace(/\{(pid|name|port)\}/g, (_, name) => values[name]!))
}

/** What an engine's environment has beyond ours: what its kind needs, where it lives, and what the model says. */
export function engineEnv (model: ResolvedModel): Record<string, string> {
  const { engine, env, gpuEnv } = model
  return { ...engine.env, ...(adaptersKept(model) > 0 && engine.lora?.env), ...gpuEnv, ...env }
}

/** How many LoRA adapters the engine keeps loaded; 0 if it loads none while it runs. */
function adaptersKept ({ adapterPaths, maxAdapters }: ResolvedModel): number {
  return Object.keys(adapterPaths).length === 0 ? 0 : maxAdapters
}
