import { readFile } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { groupMembers } from '../orchestrator/local/proc.ts'

/** In bytes. */
export interface HostMemory {
  total: number
  available: number
  /** What the processes of each model hold, for those that have any and where /proc tells. */
  models: Record<string, number>
}

interface Running {
  name: string
  pid: number | undefined
}

function kibibytes (text: string | undefined, field: string): number | undefined {
  const [, value] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text ?? '') ?? []
  return value === undefined ? undefined : Number(value) * 1_024
}

// Where there is no /proc, or no such process any more, nothing is known: that is what undefined says.
const read = (path: string) => readFile(path, 'latin1').catch(() => undefined)

/** Pages that processes of a group share count for each of them: going through a hundred gigabytes page by page would hold the engine up. */
async function ofGroup (group: number): Promise<number> {
  const members = await groupMembers(group) ?? []
  const each = await Promise.all(members.map(async ({ pid }) => kibibytes(await read(`/proc/${pid}/status`), 'VmRSS') ?? 0))
  return each.reduce((sum, bytes) => sum + bytes, 0)
}

/** What the machine has, and what of it the engines hold. */
export async function hostMemory (models: readonly Running[]): Promise<HostMemory> {
  const running = models.flatMap(({ name, pid }) => pid === undefined ? [] : [{ name, pid }])
  const held = await Promise.all(running.map(async ({ name, pid }) => [name, await ofGroup(pid)] as const))
  const available = kibibytes(await read('/proc/meminfo'), 'MemAvailable') ?? freemem()
  return { total: totalmem(), available, models: Object.fromEntries(held.filter(([, bytes]) => bytes > 0)) }
}
