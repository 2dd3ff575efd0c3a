import { MemoryCommandError } from '../../errors.ts'
import { missingProgram } from '../local/prepare.ts'
import { OperationQueue } from '../operation-queue.ts'
import { isShared, parseMemory, type GpuMemories } from './gpu-memory.ts'
import { machineMemory } from './host-memory.ts'

/** Looks at the memory of all GPUs. Resolves with undefined if there is no way to know. Rejects with MemoryCommandError, or as told by the signal. */
export type ReadMemory = (signal: AbortSignal) => Promise<GpuMemories | undefined>

const nvidiaSmi = ['nvidia-smi', '--query-gpu=memory.used,memory.total', '--format=csv,noheader,nounits']

/** Enough for any number of GPUs; what writes more is another program. Characters. */
const longestOutput = 100_000

/** What a command prints, that tells of GPU memory. Rejects with MemoryCommandError, or as told by the signal. */
export async function runMemoryCommand ([file = '', ...args]: string[], signal: AbortSignal): Promise<string> {
  // Loaded when it is needed: it takes a tenth of what a gateway takes to start.
  const { execa } = await import('execa')
  const { failed, stdout, shortMessage, stderr } = await execa(file, args, {
    reject: false,
    stdin: 'ignore',
    maxBuffer: longestOutput,
    cancelSignal: signal,
    killSignal: 'SIGKILL'
  })
  signal.throwIfAborted()
  if (failed) throw new MemoryCommandError(`${shortMessage}${stderr && `: ${stderr.slice(0, 500)}`}`)
  return stdout
}

async function run (words: string[], signal: AbortSignal): Promise<GpuMemories> {
  const stdout = await runMemoryCommand(words, signal)
  const memories = parseMemory(stdout, isShared(stdout) ? await machineMemory() : undefined)
  if (memories.length === 0 || memories.every(memory => memory === undefined)) throw new MemoryCommandError(`${words[0]} printed no line of "used, total" in MiB, but ${JSON.stringify(stdout.slice(0, 200))}`)
  return memories
}

/**
 * How GPU memory is read: by `command`, or if that is undefined by `nvidia-smi` where it is in `PATH`, for which is
 * looked once; `false`: not at all. One command runs at a time: each costs the driver some work, and one that hangs is
 * not helped by more of them.
 */
export function memoryCommand (command: string[] | false | undefined, searchPath = process.env.PATH ?? ''): ReadMemory {
  const queue = new OperationQueue()
  let argv: Promise<string[] | undefined> | undefined
  const find = async () => {
    if (command !== undefined) return command === false ? undefined : command
    return await missingProgram(nvidiaSmi[0]!, searchPath) === undefined ? nvidiaSmi : undefined
  }
  return async signal => {
    const words = await (argv ??= find())
    if (words === undefined) return undefined
    return await queue.run(async () => {
      signal.throwIfAborted()
      return await run(words, signal)
    })
  }
}
