import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'

/**
 * @param {number} pid
 * @param {string} [proc] where processes are listed
 * @returns {{ state: string, start: string } | undefined} nothing when there is no such process (or no /proc)
 */
export function processStat (pid, proc = '/proc') {
  let text
  try {
    text = readFileSync(`${proc}/${pid}/stat`, 'latin1')
  } catch {
    return undefined // the only answer /proc gives for a process that is gone
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', start: fields[19] ?? '' }
}

/** The pid namespace we are in; nothing where that cannot be seen. */
export const namespace = (() => {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
})()

/** Where the processes of all namespaces are seen: in a container, only where the machine's `/proc` is mounted. */
const everybody = process.env['MOCK_VLLM_PROC'] ?? '/proc'

/**
 * Whether the very process lives; a zombie has given its memory back and does not count.
 * @param {{ pid: number, start: string, namespace?: string }} identity
 */
export function isAlive ({ pid, start, namespace: own = namespace }) {
  if (own === namespace) return lives(processStat(pid), start)
  // Of another container: it has another number here.
  return readdirSync(everybody).some((name) => /^\d+$/.test(name) && innermost(name) === pid && lives(processStat(Number(name), everybody), start))
}

/** @param {ReturnType<typeof processStat>} stat @param {string} start */
function lives (stat, start) {
  return stat !== undefined && stat.start === start && stat.state !== 'Z' && stat.state !== 'X'
}

/** The number that a process has in its own namespace. @param {string} name */
function innermost (name) {
  try {
    return Number(/^NSpid:.*?(\d+)$/m.exec(readFileSync(`${everybody}/${name}/status`, 'latin1'))?.[1])
  } catch {
    return undefined // gone since the directory was read
  }
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
