import { readdir, readFile } from 'node:fs/promises'

/** What is read of one process in /proc/PID/stat. */
export interface ProcessStat {
  pid: number
  /** One letter: R, S, D, Z and so on. */
  state: string
  group: number
  threads: number
  /** Ticks after boot: with the number, it tells one process from a later one. */
  startTime: number
}

/** Where it is read from. */
export interface ProcFiles {
  /** The names in /proc; undefined where there is none. */
  list: () => Promise<string[] | undefined>
  /** The text of /proc/PID/stat; undefined if there is no such process any more. */
  stat: (pid: string) => Promise<string | undefined>
}

export const procFiles: ProcFiles = {
  // No /proc and no such process are what undefined says: neither is a fault.
  list: () => readdir('/proc').catch(() => undefined),
  stat: pid => readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
}

/** The second field is the program's name in brackets; it may itself contain brackets and spaces. */
export function parseStat (text: string): ProcessStat | undefined {
  const end = text.lastIndexOf(')')
  const pid = Number.parseInt(text, 10)
  // The third field of proc_pid_stat(5) is the first here.
  const fields = text.slice(end + 2).split(' ')
  const state = fields[0]!
  const [group, threads, startTime] = [5, 20, 22].map(number => Number(fields[number - 3])) as [number, number, number]
  return Number.isNaN(startTime) ? undefined : { pid, state, group, threads, startTime }
}

/**
 * A zombie holds nothing, and is not reaped where the gateway is PID 1 of a container. But a process whose main thread
 * has ended is shown as one too while its other threads, and all its memory, are still there.
 */
export function isAlive ({ state, threads }: ProcessStat): boolean {
  return !'ZX'.includes(state.toUpperCase()) || threads > 1
}

/** The processes of a group, zombies included; undefined where there is no /proc to read them from. */
export async function groupMembers (group: number, files: ProcFiles = procFiles): Promise<ProcessStat[] | undefined> {
  const names = await files.list()
  const pids = names?.filter(name => /^\d+$/.test(name))
  if (pids === undefined || pids.length === 0) return undefined
  const texts = await Promise.all(pids.map(pid => files.stat(pid)))
  return texts.flatMap(text => {
    const stat = text === undefined ? undefined : parseStat(text)
    return stat?.group === group ? [stat] : []
  })
}
