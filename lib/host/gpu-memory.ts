import { parseStat, procFiles } from '../orchestrator/local/proc.ts'
import type { ProcFiles } from '../orchestrator/local/proc.ts'
import type { GpuProcess } from '../orchestrator/memory/gpu-processes.ts'
import type { MemorySeen } from '../orchestrator/memory/memory-reader.ts'

/** Who holds memory of a GPU: the processes of one model together, or a process of somebody else's. */
export interface GpuHolder {
  gpu: number
  bytes: number
  /** Undefined for a process that is none of ours. */
  model: string | undefined
  /** Of a process that is none of ours. */
  pid: number | undefined
  /** The program of a process that is none of ours. */
  program: string | undefined
}

interface Running {
  name: string
  /** Of the leader of its process group. */
  pid: number | undefined
}

/** By index, as last looked at; empty where nobody can look. */
export function gpuMemory (seen: MemorySeen | undefined) {
  return (seen?.memories ?? []).flatMap((memory, gpu) => memory === undefined ? [] : [{ gpu, ...memory, time: seen!.time }])
}

/** Tells our engines' processes from others', by their process groups. */
export async function gpuHolders (processes: readonly GpuProcess[], models: readonly Running[], files: ProcFiles = procFiles): Promise<GpuHolder[]> {
  const groups = new Map(models.flatMap(({ name, pid }) => pid === undefined ? [] : [[pid, name]]))
  const holders = new Map<string, GpuHolder>()
  for (const { gpu, pid, name, bytes } of processes) {
    const model = groups.get(parseStat(await files.stat(String(pid)) ?? '')?.group ?? pid)
    const key = JSON.stringify([gpu, model ?? pid])
    const known = holders.get(key)
    if (known !== undefined) known.bytes += bytes
    else holders.set(key, { gpu, bytes, model, ...model === undefined ? { pid, program: name } : { pid: undefined, program: undefined } })
  }
  return [...holders.values()]
}
