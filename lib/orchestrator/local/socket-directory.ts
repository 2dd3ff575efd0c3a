import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit } from './at-exit.ts'

/** Above this Node cuts a socket's path silently, and Python refuses it. Bytes. */
const longestSocketPath = 107

/** Names of sockets are all as long as this one. */
function tooLong (directory: string): string | undefined {
  const path = join(directory, '123456789abc.sock')
  if (Buffer.byteLength(path) <= longestSocketPath) return undefined
  return `the path of its socket, in ${directory}, is longer than ${longestSocketPath} bytes: let XDG_RUNTIME_DIR name a shorter directory, or give the model a port`
}

function isWritable (directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false // Not there and not allowed are the same here.
  }
}

function makeDirectory (bases: string[]): string {
  const errors: Error[] = []
  for (const base of bases) {
    try {
      // Made with mode 0700: nobody else on this machine reaches what is in it.
      return mkdtempSync(join(base, 'llmux-'))
    } catch (error) {
      // Left over from another user's session, say: the next one may do.
      errors.push(error as Error)
    }
  }
  throw new AggregateError(errors, `no directory for sockets can be made: ${errors.map(error => error.message).join(', ')}`)
}

/** The private directory in which the engines' sockets are, made when the first one is needed. */
export class SocketDirectory {
  readonly #bases: string[]
  readonly #onChange: (path: string | undefined) => void
  #path: string | undefined
  #forget = () => {}

  /** `onChange`: called when the directory is created, and when it is removed. */
  constructor (bases = [process.env.XDG_RUNTIME_DIR, tmpdir()], onChange: (path: string | undefined) => void = () => {}) {
    this.#onChange = onChange
    this.#bases = bases.filter(base => base !== undefined && base !== '') as string[]
  }

  /** Why there could be no path, as far as it can be known without making one; undefined if nothing speaks against it. */
  get obstacle (): string | undefined {
    const base = this.#bases.find(base => isWritable(base))
    if (base === undefined) return `no directory for sockets can be made in ${this.#bases.join(' or ')}`
    return tooLong(this.#path === undefined ? join(base, 'llmux-123456') : this.#path)
  }

  /** A path for each engine, the same for all its lives, and short however long its name is. */
  pathFor (id: string): string {
    this.#path ??= this.#make()
    // An empty directory may have been tidied away.
    if (!existsSync(this.#path)) mkdirSync(this.#path, { mode: 0o700 })
    const problem = tooLong(this.#path)
    if (problem !== undefined) throw new Error(problem)
    return join(this.#path, `${createHash('sha256').update(id).digest('hex').slice(0, 12)}.sock`)
  }

  /** An engine may not start where a socket is left. */
  clear (path: string): void {
    rmSync(path, { force: true })
  }

  remove (): void {
    if (this.#path === undefined) return
    rmSync(this.#path, { recursive: true, force: true })
    this.#path = undefined
    this.#forget()
    this.#onChange(undefined)
  }

  #make (): string {
    const path = makeDirectory(this.#bases)
    this.#forget = atExit(() => this.remove())
    this.#onChange(path)
    return path
  }
}
