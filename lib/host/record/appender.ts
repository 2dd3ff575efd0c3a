import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { RecordError } from '../../errors.ts'

/** Bytes that may wait for a slow disk before lines are dropped, to bound memory. */
const mostWaiting = 16 * 1024 ** 2

/** Appends lines to a file. No request depends on it: a failure is reported once, and ends the recording. */
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

  /** Resolves when everything is in the file, or writing has failed. */
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
