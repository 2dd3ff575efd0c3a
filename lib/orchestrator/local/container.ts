import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import type { Address } from '../../engines/index.ts'
import type { ResolvedContainer } from '../../options/container.ts'
import type { ResolvedModel } from '../../options/types.ts'
import type { Outside } from '../orphans/outside.ts'

export interface Contained {
  id: string
  container: ResolvedContainer
  gpuEnv: ResolvedModel['gpuEnv']
  gpuNames: ResolvedModel['gpuNames']
  address: Address
  /** The engine's own command line, inside. */
  argv: string[]
  /** The engine's own environment. Its values stand in no command line. */
  env: Record<string, string>
}

/** Nobody else's, and telling: which model it is of, and which gateway's. */
export function containerName (id: string): string {
  const word = id.replace(/[^\w.-]+/g, '-').replace(/^[^a-zA-Z0-9]+/, '').slice(0, 40) || 'model'
  return `llmux-${word}-${process.pid}-${randomBytes(4).toString('hex')}`
}

/** The command that runs an engine in a container in the foreground, and ends with it. */
export function runArgv (name: string, { id, container, gpuEnv, gpuNames, address, argv, env }: Contained): string[] {
  const { command, runtime, args, network, models, source } = container
  // Where nobody tells what GPUs there are, the runtime knows of none either.
  const { CUDA_VISIBLE_DEVICES: devices, HIP_VISIBLE_DEVICES: amd } = gpuNames.length > 0 ? gpuEnv : {}
  return [
    ...command, 'run', '--rm', '--init',
    '--name', name,
    '--label', `fastify-llmux.model=${id}`,
    '--label', `fastify-llmux.gateway=${process.pid}`,
    '--network', network,
    ...(devices === undefined ? [] : nvidiaDevices(runtime, devices)),
    ...(amd === undefined ? [] : ['--device', '/dev/kfd', '--device', '/dev/dri']),
    ...(models === undefined ? [] : ['--volume', `${models}:${models}:ro`]),
    ...('socket' in address ? ['--volume', `${dirname(address.socket)}:${dirname(address.socket)}`] : []),
    // Only the name: the runtime takes the value from its own environment, where nobody else reads it.
    ...Object.keys(env).filter(variable => inside(variable, devices)).flatMap(variable => ['--env', variable]),
    // An image's own entry point would come before the engine's program.
    '--entrypoint', '',
    ...args, ...source, ...argv
  ]
}

function nvidiaDevices (runtime: ResolvedContainer['runtime'], devices: string): string[] {
  // The quotes are docker's: without them it takes the second device for another field.
  if (runtime === 'docker') return ['--gpus', `"device=${devices}"`]
  return devices.split(',').flatMap(device => ['--device', `nvidia.com/gpu=${device}`])
}

/** Where the runtime hands over only some GPUs, they are counted anew inside. */
function inside (variable: string, devices: string | undefined): boolean {
  return devices === undefined || !['CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER'].includes(variable)
}

/** How to reach a container from outside, also one that an earlier gateway started. */
export function containerOutside (name: string, { command }: ResolvedContainer): Outside {
  return {
    signal: signal => [...command, 'kill', '--signal', signal, name],
    list: [...command, 'ps', '--all', '--quiet', '--filter', `name=^${name}$`],
    end: [...command, 'rm', '--force', name]
  }
}
