import { spawn, type ChildProcess } from 'node:child_process'
import { WatcherError } from '../../errors.ts'

/**
 * It reads `+ GROUP` and `- GROUP`. At the end of its input, which means that the gateway has ended, it kills the remaining
 * groups. It ignores the signals that end the gateway: those of a terminal, and of a service manager.
 */
const script = `
trap '' HUP INT QUIT TERM
groups=
while read -r sign group; do
  rest=
  for other in $groups; do [ "$other" = "$group" ] || rest="$rest $other"; done
  groups=$rest
  [ "$sign" = + ] && groups="$groups $group"
done
for group in $groups; do kill -s KILL -- "-$group"; done
`

/** After its end, until it is started again: it must not become a loop. Milliseconds. */
const restartPause = 1_000

/** A place for a process group that is about to be started. */
export interface Seat {
  /** The group is there: from now on it does not outlive us. */
  take (group: number): void
  /** The group is gone, or has never come to be: its number may be somebody else's from now on. */
  leave (): void
}

interface Seated {
  group?: number
}

/**
 * A small shell in a session of its own that holds a pipe from us, and kills the process groups when the pipe ends, however
 * we ended. It is there as long as there are groups.
 */
export class Watcher {
  readonly #onError: (error: Error) => void
  readonly #seats = new Set<Seated>()
  #child: ChildProcess | undefined

  constructor (onError: (error: Error) => void = error => process.emitWarning(error)) {
    this.#onError = onError
  }

  /** To be called before the group is started, so that no moment is without a watcher. */
  reserve (): Seat {
    const seat: Seated = {}
    this.#seats.add(seat)
    if (this.#child === undefined) this.#start()
    return {
      take: group => {
        seat.group = group
        this.#send('+', group)
      },
      leave: () => {
        if (!this.#seats.delete(seat)) return
        if (seat.group !== undefined) this.#send('-', seat.group)
        if (this.#seats.size === 0) this.#end()
      }
    }
  }

  #start (): void {
    const child = spawn('/bin/sh', ['-c', script, 'llmux-watcher', String(process.pid)], {
      detached: true,
      cwd: '/',
      env: {},
      stdio: ['pipe', 'ignore', 'ignore']
    })
    this.#child = child
    // That it is there is no reason for us to be.
    child.unref()
    ;(child.stdin as unknown as { unref: () => void }).unref()
    child.stdin.on('error', () => {
      // It has ended, and says so below.
    })
    child.once('error', error => this.#lost(child, error.message))
    child.once('exit', (code, signal) => this.#lost(child, `it ended with ${signal ?? `code ${code}`}`))
    for (const { group } of this.#seats) {
      if (group !== undefined) this.#send('+', group)
    }
  }

  #send (sign: '+' | '-', group: number): void {
    this.#child?.stdin!.write(`${sign} ${group}\n`)
  }

  #end (): void {
    this.#child?.stdin!.end()
    this.#child = undefined
  }

  #lost (child: ChildProcess, reason: string): void {
    if (child !== this.#child) return
    this.#child = undefined
    this.#onError(new WatcherError(reason))
    setTimeout(() => {
      if (this.#child === undefined && this.#seats.size > 0) this.#start()
    }, restartPause).unref()
  }
}

/** One for all engines of this process. */
export const watcher = new Watcher()
