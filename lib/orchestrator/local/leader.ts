import type { Readable } from 'node:stream'
import { execa } from 'execa'
import type { ProcessExit } from '../driver.ts'
import { watcher } from '../orphans/watcher.ts'
import { trackGroup } from './at-exit.ts'

/** The first process of a group. */
export interface Leader {
  /** The process number, which is also the number of the group. */
  pid: number
  stdout: Readable
  stderr: Readable
  /** Calls back at the end of this one process, not of its output: children of a dead leader may keep that open forever. */
  onExit: (callback: (exit: ProcessExit) => void) => void
  /** To be called when the group is gone: until then it is killed if we end before it. */
  untrack: () => void
}

/** Resolves when the process exists. Rejects with the error of the operating system if it does not come to be. */
export async function spawnLeader (argv: string[], env: Record<string, string>): Promise<Leader> {
  const seat = watcher.reserve()
  const child = launch(argv, env)
  const { pid, stdout, stderr } = child
  if (pid === undefined) {
    seat.leave()
    throw (await child as { cause: unknown }).cause
  }
  // Immediately: nothing may come between the spawn and this.
  seat.take(pid)
  const untrackAtExit = trackGroup(pid)
  return {
    pid,
    stdout: stdout as Readable,
    stderr: stderr as Readable,
    untrack: () => {
      untrackAtExit()
      seat.leave()
    },
    onExit: callback => child.once('exit', (code, signal) => callback({ code, signal }))
  }
}

function launch ([file = '', ...args]: string[], env: Record<string, string>) {
  return execa(file, args, {
    // A group of its own, so that signals reach all of it, and none that is meant for us.
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    stdin: 'ignore',
    env
  })
}
