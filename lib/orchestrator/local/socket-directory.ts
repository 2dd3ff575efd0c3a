import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit } from './at-exit.ts'

/** Above this Node cuts a socket's path silently, and Python refuses it. Bytes. */
const longestSocketPath = 107

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

  /** `onChange`: told of the directory when it is made, and of its end. */
  constructor (bases = [process.env.XDG_RUNTIME_DIR, tmpdir()], onChange: (path: string | undefined) => void = () => {}) {
    this.#onChange = onChange
    this.#bases = bases.filter(base => base !== undefined && base !== '') as string[]
  }

  /** A path of its own for each engine, the same for all its lives, short whatever its name is. */
  pathFor (id: string): string {
    this.#path ??= this.#make()
    // An empty directory may have been tidied away.
    if (!existsSync(this.#path)) mkdirSync(this.#path, { mode: 0o700 })
    const path = join(this.#path, `${createHash('sha256').update(id).digest('hex').slice(0, 12)}.sock`)
    if (Buffer.byteLength(path) > longestSocketPath) {
      throw new Error(`the path of its socket, ${path}, is longer than ${longestSocketPath} bytes: let XDG_RUNTIME_DIR name a shorter directory, or give the model a port`)
    }
    return path
  }

  /** vLLM does not start where a socket is left. */
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
