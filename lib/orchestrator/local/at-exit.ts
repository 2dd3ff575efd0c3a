import { systemKill, type Kill } from './process-group.ts'

const tasks = new Set<() => void>()

/** The last resort: no promise is waited for any more. */
function runTasks (): void {
  for (const task of tasks) {
    try {
      task()
    } catch {
      // Nobody is left to tell, and the other tasks must run.
    }
  }
}

/**
 * Has a task done when this process ends by itself, by `process.exit` or by an uncaught error. Returns a function that
 * takes it back. One listener serves all servers of a process.
 */
export function atExit (task: () => void): () => void {
  if (tasks.size === 0) process.on('exit', runTasks)
  tasks.add(task)
  return () => {
    tasks.delete(task)
    if (tasks.size === 0) process.off('exit', runTasks)
  }
}

/** Has a process group killed if this process ends before it. Returns a function to call when the group is gone. */
export function trackGroup (group: number, kill: Kill = systemKill): () => void {
  return atExit(() => kill(-group, 'SIGKILL'))
}
