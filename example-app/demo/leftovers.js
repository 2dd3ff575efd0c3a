import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** @typedef {{ pid: number, parent: number, started: string }} Process `started` tells it from a later one with the same number */

/** @returns {Process[]} all that run on this machine; zombies hold nothing any more, and do not count */
function running () {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(name => {
    let stat
    try {
      stat = readFileSync(`/proc/${name}/stat`, 'latin1')
    } catch {
      return [] // ended meanwhile
    }
    // After the name, which may hold anything: state, parent, …, time of start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? [] : [{ pid: Number(name), parent: Number(fields[1]), started: String(fields[19]) }]
  })
}

/**
 * A process and all that come from it.
 * @param {number} pid
 * @returns {Process[] | undefined} undefined where there is no /proc to look at
 */
export function family (pid) {
  if (!existsSync('/proc/self/stat')) return undefined
  const all = running()
  const members = all.filter(process => process.pid === pid)
  // Grows while it is walked through.
  for (const { pid } of members) members.push(...all.filter(({ parent }) => parent === pid))
  return members
}

/**
 * Those that still run after a moment: the last of them ends when it notices that the others have.
 * @param {Process[]} processes
 */
export async function remaining (processes) {
  for (let looks = 0; looks < 50 && left(processes).length > 0; looks++) await setTimeout(20)
  return left(processes)
}

/** Those that still run. @param {Process[]} processes */
export function left (processes) {
  const all = running()
  return processes.filter(({ pid, started }) => all.some(process => process.pid === pid && process.started === started))
}
