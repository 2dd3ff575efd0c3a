import type { HostMemory } from './host-memory.ts'

/** What one GPU has, in bytes. */
export interface GpuMemory {
  used: number
  total: number
  /** Whether GPU and host share one memory. A sleep at level 1 frees nothing there. */
  shared?: true
}

/** Of all GPUs, by index; undefined for one that does not say. */
export type GpuMemories = ReadonlyArray<GpuMemory | undefined>

const mebibyte = 1024 ** 2

/**
 * One line per GPU, in the order of their indices: `used, total` in MiB. A GPU that shares the memory of its host, as on DGX
 * Spark and Jetson, has `[N/A]` for both: it has what the host has. Lines of processes are told apart by their first word.
 */
export function parseMemory (text: string, host?: HostMemory): GpuMemories {
  return text.trim().split('\n').filter(line => line.trim() !== '' && !/^\s*process,/.test(line)).map(line => {
    const [used = NaN, total = NaN] = line.split(',').map(field => Number.parseFloat(field) * mebibyte)
    if (used >= 0 && total > 0) return { used, total }
    return host !== undefined && isShared(line) ? { used: host.total - host.available, total: host.total, shared: true } : undefined
  })
}

/** Whether a line, or one of many, is of a GPU that has no memory of its own. */
export function isShared (text: string): boolean {
  return /^\s*\[N\/A\],\s*\[N\/A\]\s*$/m.test(text)
}
