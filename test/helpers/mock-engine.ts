import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startMock, type MockRecord as AnyRecord } from '../../lib/mock/index.ts'
import { deviceUuid } from '../../mock-vllm/gpu.js'
import { makeNvidiaSmi } from './nvidia-smi.js'

/**
 * The program that stands in for `vllm`: append `serve MODEL …`. tap puts its loaders into NODE_OPTIONS of all that its tests spawn,
 * which makes a start ten times slower; `env` takes that out and becomes the program itself.
 */
export const mockCommand: readonly string[] = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, fileURLToPath(new URL('../../mock-vllm/bin.js', import.meta.url))]

/** One line of a mock's diary; mock-vllm/README.md lists the events. */
export interface MockRecord extends AnyRecord {
  api: number
  core: number
}

export interface MockGpu {
  readonly dir: string
  /** Environment for everything that shall share this GPU. */
  readonly env: { readonly MOCK_VLLM_GPU: string }
  /** argv of the stand-in for nvidia-smi. */
  readonly command: readonly string[]
  /** A directory for `PATH` with a `nvidia-smi` that knows these GPUs. */
  readonly bin: string
  /** As `nvidia-smi -L` prints it. */
  uuid (device: number): string
  /** MiB of each device, as the command prints them. */
  memories (): Promise<Array<{ used: number, total: number }>>
  /** Those of the first. */
  memory (): Promise<{ used: number, total: number }>
  records (): MockRecord[]
  /** Faults of the engine with that name, read at its next start and counted down across starts. */
  setFaults (engine: string, faults: Record<string, unknown>): void
  /** A stranger takes so many MiB of a device, as a process of this one's number. Returns how it gives them back. */
  hold (mib: number, device?: number): () => void
  remove (): void
}

/** Simulated GPUs, one unless told otherwise, in a temporary directory. */
export function makeGpu ({ totalMiB = 24576, devices = 1 } = {}): MockGpu {
  const mock = startMock({ gpus: devices, gpuMemory: totalMiB })
  const dir = mock.directory
  const command = [...mockCommand, 'gpu', '--gpu', dir]
  const bin = makeNvidiaSmi(dir, command)
  return {
    dir,
    env: { MOCK_VLLM_GPU: dir },
    command,
    bin,
    uuid: device => deviceUuid(dir, device),
    memories: () => readMemories(command),
    memory: async () => (await readMemories(command))[0]!,
    records: () => mock.records() as MockRecord[],
    setFaults: mock.setFaults,
    hold (mib, device = 0) {
      const engines = join(device === 0 ? dir : join(dir, `device-${device}`), 'engines')
      mkdirSync(engines, { recursive: true })
      const file = join(engines, 'stranger.json')
      const stat = readFileSync('/proc/self/stat', 'latin1')
      const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
      writeFileSync(file, JSON.stringify({ name: 'notebook', mib, lag: 0, holders: [{ pid: process.pid, start }] }))
      return () => rmSync(file)
    },
    remove: mock.close
  }
}

async function readMemories ([program, ...args]: readonly string[]): Promise<Array<{ used: number, total: number }>> {
  const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  return text.trim().split('\n').map(line => {
    const [used = NaN, total = NaN] = line.split(',').map(Number)
    return { used, total }
  })
}
