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
