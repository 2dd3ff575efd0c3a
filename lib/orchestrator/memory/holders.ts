import { parseStat, procFiles } from '../local/proc.ts'
import type { ProcFiles } from '../local/proc.ts'
import type { GpuProcess } from './gpu-processes.ts'

const mebibyte = 1024 ** 2

/** The process groups of our engines. */
export type OwnGroups = () => number[]

/** Processes that are not engines and hold memory of these GPUs, as the end of a sentence; empty if none are known. */
export async function describeStrangers (processes: readonly GpuProcess[] | undefined, gpus: readonly number[], own: OwnGroups, files: ProcFiles = procFiles): Promise<string> {
  const ours = new Set(own())
  const strangers: string[] = []
  for (const { gpu, pid, name, bytes } of processes ?? []) {
    if (!gpus.includes(gpu)) continue
    const group = parseStat(await files.stat(String(pid)) ?? '')?.group ?? pid
    if (!ours.has(group)) strangers.push(`process ${pid} (${name}) holds ${Math.round(bytes / mebibyte)} MiB of GPU ${gpu}`)
  }
  return strangers.length === 0 ? '' : `: ${strangers.join(', ')}`
}
