import { isAbsolute } from 'node:path'
import { OptionsError } from '../errors.ts'
import { given } from './defaults.ts'
import { optionPath } from './path.ts'

/** The container that an engine runs in. */
export interface ContainerOptions {
  /** The image. Default: none: `rootfs` must be given. */
  image?: string
  /** A folder that holds a whole file system, instead of an image. Podman only. Default: none. */
  rootfs?: string
  /** Whose arguments are used. Default `'podman'`. */
  runtime?: 'podman' | 'docker'
  /** The program with its leading words, such as `['sudo', 'docker']`. Default: the name of the `runtime`. */
  command?: string[]
  /** More arguments for the runtime's `run`, such as `['--ipc=host']`. Default `[]`. */
  args?: string[]
  /** An absolute folder, which the container sees at the same place and cannot write to. Default: the model's `path` if it is absolute. */
  models?: string
  /**
   * The network of the container. Default: `'none'` with a unix socket, which leaves the engine only its own loopback;
   * `'host'` with a `port`.
   */
  network?: string
}

/** With every default filled in. */
export interface ResolvedContainer extends Required<Pick<ContainerOptions, 'runtime' | 'command' | 'args' | 'network'>> {
  /** What it is made from: its last arguments before the engine's own. */
  source: string[]
  models: string | undefined
}

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
