import { parallelSize } from '../../options/engine-args.ts'
import type { Command, CommandContext, ResolvedModel } from '../../options/types.ts'

/** Where an engine is told to listen: never on more than this machine's loopback. */
export type Address = { port: number } | { socket: string }

function words (command: Exclude<Command, Function>): string[] {
  return typeof command === 'string' ? command.trim().split(/\s+/) : command
}

function listenArguments (address: Address): string[] {
  return 'port' in address ? ['--port', String(address.port), '--host', '127.0.0.1'] : ['--uds', address.socket]
}

/** The whole command line of an engine. The served names come before another flag, which ends their list. */
export function engineArgv (model: ResolvedModel, address: Address): string[] {
  const { id, path, aliases, args, command, gpus, gpuEnv } = model
  const sleepMode = model.sleepMode === true
  const servedNames = [id, ...aliases]
  const devices = (gpuEnv.CUDA_VISIBLE_DEVICES ?? gpuEnv.HIP_VISIBLE_DEVICES)?.split(',')
  if (typeof command === 'function') {
    const context: CommandContext = { model: id, path, servedNames, ...address, ...(devices && { devices }), sleepMode, args: [...args] }
    return command(context)
  }
  return [
    ...words(command), 'serve', path,
    '--served-model-name', ...servedNames,
    ...listenArguments(address),
    ...(sleepMode ? ['--enable-sleep-mode'] : []),
    ...(gpus.length > 1 && parallelSize(args) === undefined ? ['--tensor-parallel-size', String(gpus.length)] : []),
    ...args
  ]
}

/** What an engine's environment has beyond ours: the control endpoints, no colours, and where it lives. */
export function engineEnv ({ env, gpuEnv }: ResolvedModel): Record<string, string> {
  return { VLLM_SERVER_DEV_MODE: '1', NO_COLOR: '1', ...gpuEnv, ...env }
}
