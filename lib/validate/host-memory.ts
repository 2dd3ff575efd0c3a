import { readFile } from 'node:fs/promises'
import { groupMembers } from '../orchestrator/local/proc.ts'

/** In bytes: shared pages are counted in parts by PSS, which newer kernels tell, and in full by RSS. */
function parse (text: string | undefined, field: string): number | undefined {
  const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text ?? '') ?? []
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}

async function ofProcess (pid: number): Promise<number | undefined> {
  // Gone meanwhile, or not ours to look at: that is what undefined says.
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'latin1').catch(() => undefined)
  return parse(await read('smaps_rollup'), 'Pss') ?? parse(await read('status'), 'VmRSS')
}

/** Bytes of host memory that a process group holds; undefined where /proc does not tell. */
export async function hostMemory (group: number): Promise<number | undefined> {
  const members = await groupMembers(group) ?? []
  const each = await Promise.all(members.map(({ pid }) => ofProcess(pid)))
  const known = each.filter(bytes => bytes !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0)
}
