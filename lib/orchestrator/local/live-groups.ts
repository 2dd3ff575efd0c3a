import { atExit } from './at-exit.ts'
import { systemKill, type Kill } from './process-group.ts'

/** Has a process group killed if this process ends before it. Returns a function to call when the group is gone. */
export function trackGroup (group: number, kill: Kill = systemKill): () => void {
  return atExit(() => kill(-group, 'SIGKILL'))
}
