/** What one GPU has, in bytes. */
export interface GpuMemory {
  used: number
  total: number
}

/** Of all GPUs, by index; undefined for one that does not say. */
export type GpuMemories = ReadonlyArray<GpuMemory | undefined>

const mebibyte = 1024 ** 2

/**
 * One line per GPU, in the order of their indices: `used, total` in MiB. Where a driver does not know, it writes `[N/A]`.
 * Lines of processes are told apart by their first word.
 */
export function parseMemory (text: string): GpuMemories {
  return text.trim().split('\n').filter(line => line.trim() !== '' && !/^\s*process,/.test(line)).map(line => {
    const [used = NaN, total = NaN] = line.split(',').map(field => Number.parseFloat(field) * mebibyte)
    return used >= 0 && total > 0 ? { used, total } : undefined
  })
}
