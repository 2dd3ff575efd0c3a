import { parseStat, procFiles } from '../local/proc.ts'
import type { ProcFiles } from '../local/proc.ts'
import type { GpuProcess } from './gpu-processes.ts'

const mebibyte = 1024 ** 2

/** The process groups of our engines. */
export type OwnGroups = () => number[]

/** Processes of our engines, and the others. */
export async function tellApart (processes: readonly GpuProcess[], own: OwnGroups, files: ProcFiles = procFiles): Promise<{ own: GpuProcess[], others: GpuProcess[] }> {
  const groups = new Set(own())
  const apart: { own: GpuProcess[], others: GpuProcess[] } = { own: [], others: [] }
  for (const process of processes) {
    const group = groups.has(process.pid) ? process.pid : parseStat(await files.stat(String(process.pid)) ?? '')?.group ?? process.pid
    apart[groups.has(group) ? 'own' : 'others'].push(process)
  }
  return apart
}

/** Processes that are not engines and hold memory of these GPUs, as the end of a sentence; empty if none are known. */
export async function describeStrangers (processes: readonly GpuProcess[] | undefined, gpus: readonly number[], own: OwnGroups): Promise<string> {
  const { others } = await tellApart(processes?.filter(({ gpu }) => gpus.includes(gpu)) ?? [], own)
  const strangers = others.map(({ gpu, pid, name, bytes }) => `process ${pid} (${name}) holds ${Math.round(bytes / mebibyte)} MiB of GPU ${gpu}`)
  return strangers.length === 0 ? '' : `: ${strangers.join(', ')}`
}
