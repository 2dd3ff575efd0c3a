import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Words before `run`, and flags of it. */
export interface PodmanWay {
  words: string[]
  flags: string[]
}

/** On a user's machine none are needed; some virtual machines have no cgroups that the default runtime takes. */
export const podmanWays: readonly PodmanWay[] = [
  { words: [], flags: [] },
  { words: ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs'], flags: ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'] }
]

const network = ['--network', 'host']

/** A layer over this machine's own root file system: what is written is gone afterwards. */
const rootfs = ['--rootfs', '/:O']

export interface Container {
  /** Its output so far. */
  readonly said: string
  /** Its exit code; undefined as long as it runs. */
  readonly code: number | null | undefined
  /** Runs a program in it, as root. Resolves with its output. */
  run (command: string[]): Promise<string>
  /** As `docker stop` does. Resolves with its exit code. */
  stop (): Promise<number | null>
  remove (): Promise<void>
}

/** Podman as it works here; undefined if it does not. */
export async function findPodman (): Promise<{ start: (flags: string[], command: string[]) => Container } | undefined> {
  for (const way of podmanWays) {
    const works = await run('podman', [...way.words, 'run', '--rm', ...way.flags, ...network, ...rootfs, 'true'], { timeout: 60_000 }).then(() => true, () => false)
    if (works) return { start: (flags, command) => start(way, flags, command) }
  }
  return undefined
}

function start ({ words, flags: limits }: PodmanWay, flags: string[], command: string[]): Container {
  const name = `llmux-test-${process.pid}-${Date.now()}`
  const child = spawn('podman', [...words, 'run', '--rm', '--name', name, ...limits, ...network, ...flags, ...rootfs, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit') as Promise<[number | null]>
  let said = ''
  let code: number | null | undefined
  exited.then(([exit]) => { code = exit }, () => {})
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text })
  return {
    get said () { return said },
    get code () { return code },
    run: async command => (await run('podman', [...words, 'exec', name, ...command])).stdout,
    stop: async () => {
      await run('podman', [...words, 'stop', '--time', '60', name])
      return (await exited)[0]
    },
    remove: async () => { if (code === undefined) await run('podman', [...words, 'rm', '--force', name]) }
  }
}
