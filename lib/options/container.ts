import { isAbsolute } from 'node:path'
import { OptionsError } from '../errors.ts'
import type { ContainerOptions, ResolvedContainer } from './container-options.ts'
import { given } from './given.ts'
import { optionPath } from './path.ts'

interface Inside {
  id: string
  path: string
  port: number | undefined
}

/** @throws {OptionsError} */
export function resolveContainer ({ id, path, port }: Inside, options: ContainerOptions | undefined): ResolvedContainer | undefined {
  if (options === undefined) return undefined
  const refuse = (key: string, demand: string) => { throw new OptionsError(optionPath('models', id, ...key.split('.')), demand) }
  const { image, rootfs, runtime = 'podman', command = [runtime], args = [], models = isAbsolute(path) ? path : undefined, network = port === undefined ? 'none' : 'host' } = given(options)
  if ((image === undefined) === (rootfs === undefined)) refuse('container.image', 'must be given, or else rootfs, and not both')
  if (rootfs !== undefined && runtime === 'docker') refuse('container.rootfs', 'must be left out: docker runs images only')
  if (models !== undefined && !isAbsolute(models)) refuse('container.models', 'must be an absolute path')
  // The gateway's working directory is not the container's.
  if (/^\.\.?\//.test(path)) refuse('path', 'must be absolute, or a name on the hub, where the engine runs in a container')
  return { runtime, command, args, network, models, source: rootfs === undefined ? [image!] : ['--rootfs', rootfs] }
}
