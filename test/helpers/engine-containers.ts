import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ContainerOptions } from '../../lib/options/container.ts'
import type { Find } from './failure-cases.ts'
import { groupMembers } from './engine-process.ts'
import { statusOf } from './gateway-view.ts'
import { podmanWays } from './podman.ts'
import { plainNode } from './plain-node.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const standIn = [...plainNode, fileURLToPath(new URL('stand-in-podman.js', import.meta.url))]

/** Podman, or what stands in for it. */
export interface Podman {
  /** Whether containers are real. */
  real: boolean
  /** A container in which a mock runs: all that it needs is mounted. */
  container (gpu: string): ContainerOptions
  /** Containers of gateways that are there. */
  list (): string[]
  /** Runs a command of it. */
  call (...args: string[]): string
  /** Finds a process of the model `a`. */
  find: Find
  remove (): void
}

/** The system's own folders: enough of a file system for Node. */
const folders = ['/usr', '/bin', '/lib', '/lib64', dirname(process.execPath), repository].filter(folder => existsSync(folder))
const mounts = folders.flatMap(folder => ['--volume', `${folder}:${folder}:ro`])

/** A simulated GPU is held by processes: the mocks must see whether those of other containers live, and at once, as a driver does. */
const seeingAll = ['--volume', '/proc:/everybody:ro', '--env', 'MOCK_VLLM_PROC=/everybody', '--env', 'MOCK_VLLM_MEMORY_LAG=0']

/** Looks which podman works here; without any there is the stand-in. */
export function findPodman (): Podman {
  const dir = mkdtempSync(join(tmpdir(), 'podman-'))
  const rootfs = join(dir, 'rootfs')
  for (const folder of ['proc', 'sys', 'dev', 'etc', 'tmp', 'run', 'everybody', ...folders]) mkdirSync(join(rootfs, folder), { recursive: true })
  const works = podmanWays.find(({ words, flags }) =>
    spawnSync('podman', [...words, 'run', '--rm', '--network', 'none', ...flags, ...mounts, '--rootfs', rootfs, process.execPath, '-e', '0']).status === 0)
  const command = works === undefined ? [...standIn, join(dir, 'containers')] : ['podman', ...works.words]
  const call = (...args: string[]) => {
    const [file = '', ...words] = command
    const { stdout, stderr, status } = spawnSync(file, [...words, ...args], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`podman ${args[0]}: ${stderr}`)
    return stdout.trim()
  }
  const list = () => call('ps', '--all', '--format', '{{.Names}}', '--filter', 'name=^llmux-').split('\n').filter(Boolean)
  return {
    real: works !== undefined,
    container: gpu => ({ rootfs, command, args: [...works?.flags ?? [], ...mounts, '--volume', `${gpu}:${gpu}`, ...seeingAll] }),
    list,
    call,
    find (gateway, role) {
      const client = statusOf(gateway, 'a').pid
      if (client === undefined || role === 'client') return client
      const [, name] = /\0(llmux-a-[^\0]+)\0/.exec(groupMembers(client).map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')).join('')) ?? []
      if (name === undefined || !call('ps', '--all', '--quiet', '--filter', `name=^${name}$`)) return undefined
      const init = Number(call('inspect', '--format', '{{.State.Pid}}', name))
      if (role === 'init') return init || undefined
      return descendants(init).find(({ comm }) => comm.startsWith(role === 'worker' ? 'VLLM::Worker' : 'VLLM::EngineCor'))?.pid
    },
    remove: () => rmSync(dir, { recursive: true })
  }
}

/** All processes below one, by the numbers that they have here. */
function descendants (ancestor: number): Array<{ pid: number, comm: string }> {
  const all = readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(name => {
    try {
      const [, comm = '', parent] = /\((.*)\) . (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? []
      return [{ pid: Number(name), comm, parent: Number(parent) }]
    } catch {
      return [] // gone since the directory was read
    }
  })
  const below = (parent: number): typeof all => all.filter(process => process.parent === parent).flatMap(child => [child, ...below(child.pid)])
  return below(ancestor)
}
