import { readFileSync, readlinkSync } from 'node:fs'
import { isAlive, parseStat } from '../local/proc.ts'

/** One process and no later one with the same number. */
export interface ProcessIdentity {
  pid: number
  /** Ticks after boot. */
  startTime: number
}

/** Where process numbers mean the same. */
export interface PidRealm {
  bootId: string
  namespace: string
}

/** Undefined if there is no such process, or no /proc to read of it. */
export function identityOf (pid: number): ProcessIdentity | undefined {
  const stat = read(() => parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1')))
  return stat && { pid, startTime: stat.startTime }
}

/** Whether that very process lives. One that is dead and only waits to be reaped does not. */
export function lives ({ pid, startTime }: ProcessIdentity): boolean {
  const stat = read(() => parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1')))
  return stat !== undefined && stat.startTime === startTime && isAlive(stat)
}

/** Undefined where there is no /proc. */
export function pidRealm (): PidRealm | undefined {
  return read(() => ({
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    namespace: readlinkSync('/proc/self/ns/pid')
  }))
}

function read<T> (look: () => T): T | undefined {
  try {
    return look()
  } catch {
    // Not there, or not for us: nothing is known either way.
    return undefined
  }
}
