import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { LlmuxOptions } from '../options/types.ts'

/** One line of what the mock engines did. `mock-vllm/README.md` lists the events: `start`, `sleep`, `wake`, `request`, … */
export interface MockRecord {
  /** Milliseconds since the epoch. */
  t: number
  event: string
  /** The first served name: the model's name. */
  engine: string
  [field: string]: unknown
}

export interface MockOptions {
  /** Simulated GPUs. Default 1. Minimum 1. */
  gpus?: number
  /** Memory of each GPU in MiB. Default 24 576. */
  gpuMemory?: number
  /**
   * Flags for all engines without `--mock-`, in camelCase: `{ startMs: 500, tokenMs: 20 }`. Default: starts take 20 ms, a
   * token takes 1 ms. `mock-vllm/README.md` lists all of them.
   */
  flags?: Record<string, string | number>
}

/** Mock engines: real processes that answer as vLLM does, on a simulated GPU, with made-up text. */
export interface Mock {
  /** Where the simulated GPU and the records are. */
  directory: string
  /** Spread it into the options of the plugin, before `models`. */
  options: Pick<LlmuxOptions, 'command' | 'gpuMemoryCommand'>
  /**
   * Faults for the next start of a model's engine: `{ start: 'exit@1' }`, `{ sleep: 'hang' }`, `{ generate: 'crash*1' }`.
   * `mock-vllm/README.md` lists points and kinds. An empty object takes them away.
   */
  setFaults: (model: string, faults: Record<string, unknown>) => void
  /** What the engines did so far, oldest first. */
  records: () => MockRecord[]
  /** Removes the simulated GPU. Close the server first. */
  close: () => void
}

/** Makes a simulated GPU and says how engines on it are started. Needs neither a GPU nor Python. */
export function startMock ({ gpus = 1, gpuMemory = 24_576, flags = {} }: MockOptions = {}): Mock {
  const directory = mkdtempSync(join(tmpdir(), 'llmux-mock-'))
  writeFileSync(join(directory, 'gpu.json'), JSON.stringify({ totalMiB: gpuMemory, devices: gpus }))
  const program = join(dirname(createRequire(import.meta.url).resolve('fastify-llmux/package.json')), 'mock-vllm/bin.js')
  const variables = Object.entries({ gpu: directory, ...flags }).map(([name, value]) => `MOCK_VLLM_${constantCase(name)}=${value}`)
  return {
    options: {
      // Loaders of a test runner in NODE_OPTIONS are not for the engines.
      command: ['/usr/bin/env', '-u', 'NODE_OPTIONS', ...variables, process.execPath, program],
      gpuMemoryCommand: [process.execPath, program, 'gpu', '--gpu', directory, '--processes']
    },
    directory,
    setFaults (model, faults) {
      mkdirSync(join(directory, 'faults'), { recursive: true })
      writeFileSync(join(directory, 'faults', `${encodeURIComponent(model)}.json`), JSON.stringify(faults))
    },
    records: () => readRecords(join(directory, 'records.jsonl')),
    close: () => rmSync(directory, { recursive: true, force: true })
  }
}

/** @internal Nothing is written before the first engine starts. */
export function readRecords (file: string): MockRecord[] {
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return text.split('\n').filter(line => line !== '').map(line => JSON.parse(line))
}

function constantCase (name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
}
