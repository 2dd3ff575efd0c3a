import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/**
 * @param {number} pid
 * @returns {{ state: string, start: string } | undefined} nothing when there is no such process (or no /proc)
 */
export function processStat (pid) {
  let text
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined // the only answer /proc gives for a process that is gone
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', start: fields[19] ?? '' }
}

/**
 * Whether the very process lives; a zombie has given its memory back and does not count.
 * @param {{ pid: number, start: string }} identity
 */
export function isAlive ({ pid, start }) {
  const stat = processStat(pid)
  return stat !== undefined && stat.start === start && stat.state !== 'Z' && stat.state !== 'X'
}

/** Tells from one kept file handle, in a few µs and as of the last millisecond, whether a process runs, is stopped or is gone. */
export class StateProbe {
  #fd = -1
  #readAt = -Infinity
  /** @type {'running' | 'stopped' | 'gone'} */
  #last = 'running'
  #buffer = Buffer.alloc(128)

  /** @param {number} pid */
  constructor (pid) {
    try {
      this.#fd = openSync(`/proc/${pid}/stat`, 'r')
    } catch {
      this.#fd = -1 // without /proc the process counts as running until its exit is reported
    }
  }

  get state () {
    const now = performance.now()
    if (now - this.#readAt >= 1) {
      this.#readAt = now
      this.#last = this.#read()
    }
    return this.#last
  }

  /** @returns {'running' | 'stopped' | 'gone'} */
  #read () {
    if (this.#fd < 0) return 'running'
    try {
      const length = readSync(this.#fd, this.#buffer, 0, 128, 0)
      const letter = this.#buffer[this.#buffer.lastIndexOf(0x29, length - 1) + 2]
      if (letter === 0x54 || letter === 0x74) return 'stopped' // T, t
      return letter === 0x5a || letter === 0x58 ? 'gone' : 'running' // Z, X
    } catch {
      return 'gone' // ESRCH: reaped
    }
  }

  close () {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }
}
