import { missingProgram } from '../local/prepare.ts'
import { runMemoryCommand } from './memory-command.ts'

/** What one process holds of one GPU. */
export interface GpuProcess {
  gpu: number
  pid: number
  /** Its program. */
  name: string
  bytes: number
}

/** Looks at who holds GPU memory. Resolves with undefined if there is no way to know. Rejects as the memory command does. */
export type ReadProcesses = (signal: AbortSignal) => Promise<GpuProcess[] | undefined>

const program = 'nvidia-smi'
const format = '--format=csv,noheader,nounits'
const mebibyte = 1024 ** 2

/** A line `GPU, pid, name, MiB`. The name may itself have commas. Where a driver does not know, it writes `[N/A]`. */
function parseLine (line: string, index: (gpu: string) => number): GpuProcess[] {
  const fields = line.split(',').map(field => field.trim())
  const [gpu, pid] = [index(fields[0]!), Number(fields[1])]
  const bytes = Number(fields.at(-1)) * mebibyte
  const name = fields.slice(2, -1).join(', ')
  return gpu >= 0 && pid > 0 && bytes > 0 ? [{ gpu, pid, name, bytes }] : []
}

/** What a command of the user's prints of processes, beside its lines of GPUs: `process, GPU, pid, name, MiB`. */
export function parseProcesses (text: string): GpuProcess[] {
  return text.split('\n').flatMap(line => {
    const [, rest] = /^\s*process,(.*)$/.exec(line) ?? []
    return rest === undefined ? [] : parseLine(rest, Number)
  })
}

/** GPUs go by UUID where `nvidia-smi` tells of processes, and by index everywhere else. */
async function askNvidia (uuids: string[], signal: AbortSignal): Promise<GpuProcess[]> {
  const text = await runMemoryCommand([program, '--query-compute-apps=gpu_uuid,pid,process_name,used_memory', format], signal)
  return text.split('\n').flatMap(line => parseLine(line, uuid => uuids.indexOf(uuid)))
}

/** How it is seen who holds GPU memory: by the command that tells of GPUs, where it tells of processes too, or by `nvidia-smi`. */
export function processCommand (command: string[] | false | undefined, searchPath = process.env.PATH ?? ''): ReadProcesses {
  if (command === false) return async () => undefined
  if (command !== undefined) return async signal => parseProcesses(await runMemoryCommand(command, signal))
  let uuids: string[] | undefined
  return async signal => {
    if (await missingProgram(program, searchPath) !== undefined) return undefined
    uuids ??= (await runMemoryCommand([program, '--query-gpu=uuid', format], signal)).split('\n').map(line => line.trim())
    return await askNvidia(uuids, signal)
  }
}
