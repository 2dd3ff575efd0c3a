import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Clock, Timer } from '../../clock.ts'
import { BodyAbortedError, BodyTimeoutError, BodyTooLargeError } from '../../errors.ts'

export interface ReadBodyOptions {
  /** In bytes. */
  limit: number
  /** Milliseconds for the whole body. */
  timeout: number
  /** The header, if there is one: it lets us refuse a body that will be too large before its first byte. */
  contentLength?: string | number | undefined
  clock: Clock
}

/** From here on the event loop does something else between the steps of a body: its last bytes, its copy, its model. Bytes. */
const large = 1024 * 1024

export type BodyRead = (error: Error | null, body?: Buffer) => void

/** Whether the last byte of a request is there, though perhaps not read. */
function isParsed (stream: Readable | IncomingMessage): boolean {
  return 'complete' in stream && stream.complete
}

class BodyReader {
  readonly #stream: Readable
  readonly #limit: number
  readonly #chunks: Buffer[] = []
  readonly #done: BodyRead
  readonly #clock: Clock
  readonly #timeout: number
  #timer: Timer
  #length = 0
  #over = false

  constructor (stream: Readable, { limit, timeout, clock }: ReadBodyOptions, done: BodyRead) {
    this.#stream = stream
    this.#limit = limit
    this.#done = done
    this.#clock = clock
    this.#timeout = timeout
  }

  begin (): void {
    this.#stream.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose)
    // One of your hooks may have paused it.
    this.#stream.resume()
    // Nearly all bodies come with their headers, and are parsed by the next tick: a timer for each costs more than reading it.
    process.nextTick(() => {
      if (!this.#over && !isParsed(this.#stream)) this.#timer = this.#clock.setTimeout(() => this.#stop(new BodyTimeoutError(this.#timeout)), this.#timeout)
    })
  }

  readonly #onData = (chunk: Buffer | string): void => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.#length += bytes.length
    if (this.#length > this.#limit) this.#stop(new BodyTooLargeError(this.#limit))
    else this.#chunks.push(bytes)
  }

  readonly #onEnd = (): void => {
    // The listeners stay: after its end a stream can only fail or close, which changes nothing, and removing them costs more than reading a short body.
    this.#finish()
    if (this.#length < large) this.#done(null, this.#whole())
    else {
      setImmediate(() => {
        const body = this.#whole()
        setImmediate(() => this.#done(null, body))
      })
    }
  }

  #whole (): Buffer {
    const chunks = this.#chunks
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#length)
  }

  readonly #onError = (cause: Error): void => { if (!this.#over) this.#stop(new BodyAbortedError({ cause })) }
  readonly #onClose = (): void => { if (!this.#over) this.#stop(new BodyAbortedError()) }

  #finish (): void {
    this.#over = true
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
  }

  /** Stops reading but keeps the stream open: the answer goes to the same socket. */
  #stop (error: Error): void {
    this.#finish()
    // The listener for errors stays: a later one, as when a decompressing stream loses its source, has nobody to go to.
    this.#stream.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose).pause()
    this.#chunks.length = 0
    this.#done(error)
  }
}

/**
 * Reads a request's whole body within its limits, and calls back once. After a failure the rest stays unread and the answer
 * must close the connection; Fastify does that when a content type parser fails. Its errors:
 *
 * `BodyTooLargeError` at once if the client announced too much, otherwise as soon as too much has arrived;
 * `BodyTimeoutError`; `BodyAbortedError` if the client left, or the stream failed.
 */
export function readBody (stream: Readable, options: ReadBodyOptions, done: BodyRead): void {
  const { limit, contentLength } = options
  if (Number(contentLength) > limit) done(new BodyTooLargeError(limit))
  // Nothing would ever be heard of it again.
  else if (stream.destroyed) done(new BodyAbortedError())
  else new BodyReader(stream, options, done).begin()
}
