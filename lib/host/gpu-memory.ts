import { parseStat, procFiles } from '../orchestrator/local/proc.ts'
import type { ProcFiles } from '../orchestrator/local/proc.ts'
import type { GpuProcess } from '../orchestrator/memory/gpu-processes.ts'
import type { MemorySeen } from '../orchestrator/memory/memory-reader.ts'

/** A holder of GPU memory: the processes of one model together, or one process that is not an engine. */
export interface GpuHolder {
  gpu: number
  bytes: number
  /** Undefined for a process that is not an engine. */
  model: string | undefined
  /** The process, if it is not an engine. */
  pid: number | undefined
  /** Its program, if it is not an engine. */
  program: string | undefined
}

interface Running {
  name: string
  /** The leader of its process group. */
  pid: number | undefined
}

/** By index, as last read; empty if this machine cannot tell. */
export function gpuMemory (seen: MemorySeen | undefined) {
  return (seen?.memories ?? []).flatMap((memory, gpu) => memory === undefined ? [] : [{ gpu, ...memory, time: seen!.time }])
}

/** Separates the processes of engines from others, by process group. */
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
