import { readFile } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { groupMembers } from '../local/proc.ts'

/** Bytes of host memory. */
export interface HostMemory {
  total: number
  available: number
}

function kibibytes (text: string | undefined, field: string): number | undefined {
  const [, value] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text ?? '') ?? []
  return value === undefined ? undefined : Number(value) * 1_024
}

// Where there is no /proc, or no such process any more, nothing is known: that is what undefined says.
const read = (path: string) => readFile(path, 'latin1').catch(() => undefined)

/**
 * Bytes that the processes of a group hold; undefined where /proc does not tell. Pages that they share count for each of
 * them: going through a hundred gigabytes page by page would hold the engine up. `exact`: that is done all the same.
 */
export async function groupMemory (group: number, exact = false): Promise<number | undefined> {
  const members = await groupMembers(group) ?? []
  const each = await Promise.all(members.map(async ({ pid }) =>
    (exact ? kibibytes(await read(`/proc/${pid}/smaps_rollup`), 'Pss') : undefined) ?? kibibytes(await read(`/proc/${pid}/status`), 'VmRSS')))
  const known = each.filter(bytes => bytes !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0)
}

/** What the machine has. */
export async function machineMemory (): Promise<HostMemory> {
  return { total: totalmem(), available: kibibytes(await read('/proc/meminfo'), 'MemAvailable') ?? freemem() }
}

/** What the option `hostMemory` comes to in bytes: a share is one of what the machine has, or the cgroup allows. */
export function hostMemoryLimit (option: number, total = totalmem(), constrained = process.constrainedMemory()): number {
  if (option > 1) return option
  // Without a limit it is 0, or a number beyond all memory.
  return option * (constrained > 0 ? Math.min(total, constrained) : total)
}
