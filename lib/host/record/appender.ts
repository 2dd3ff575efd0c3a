import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { RecordError } from '../../errors.ts'

/** Bytes that may wait for a slow disk before lines are lost: memory is not. */
const mostWaiting = 16 * 1024 ** 2

/** Adds lines to a file. It serves nobody's request: when it fails that is reported, once, and nothing more is written. */
export class Appender {
  readonly #path: string
  readonly #report: (error: Error) => void
  readonly #stream: WriteStream
  #failed = false

  constructor (path: string, report: (error: Error) => void) {
    this.#path = path
    this.#report = report
    this.#stream = createWriteStream(path, { flags: 'a' })
    this.#stream.on('error', error => this.#fail(error.message, error))
  }

  write (line: string): void {
    if (this.#failed) return
    if (this.#stream.writableLength > mostWaiting) return this.#fail('the disk is too slow')
    this.#stream.write(`${line}\n`)
  }

  /** Resolves when all that was written is in the file, or it has failed. */
  async close (): Promise<void> {
    if (!this.#failed) await new Promise<void>(resolve => { this.#stream.once('close', resolve).end() })
  }

  #fail (why: string, cause?: Error): void {
    if (this.#failed) return
    this.#failed = true
    this.#stream.destroy()
    this.#report(new RecordError(this.#path, why, { cause }))
  }
}
