import { spawn } from 'node:child_process'
import { WatcherError } from '../../errors.ts'

/**
 * It waits for a word from us, and when none can come any more, which is when we are gone, it runs the command. A second
 * time, for what was only just coming to be. It is deaf to what ends us, as the watcher of process groups is.
 */
const script = `
trap '' HUP INT QUIT TERM
read -r word && exit
"$@"; sleep 1; "$@"
`

/**
 * Has a command run when this process ends before the returned function is called, however it ends. The command ends what
 * signals do not reach; it may be run twice.
 */
export function keep (command: string[], env: Record<string, string>, onError: (error: Error) => void = error => process.emitWarning(error)): () => void {
  const child = spawn('/bin/sh', ['-c', script, 'llmux-keeper', ...command], {
    detached: true,
    cwd: '/',
    env: { ...process.env, ...env },
    stdio: ['pipe', 'ignore', 'ignore']
  })
  let wanted = true
  const lost = (reason: string) => { if (wanted) onError(new WatcherError(reason)) }
  // That it is there is no reason for us to be.
  child.unref()
  ;(child.stdin as unknown as { unref: () => void }).unref()
  child.stdin.on('error', () => {
    // It has ended, and says so below.
  })
  child.once('error', error => lost(error.message))
  child.once('exit', (code, signal) => lost(`it ended with ${signal ?? `code ${code}`}`))
  return () => {
    wanted = false
    child.stdin.end('gone\n')
  }
}
