import { Readable } from 'node:stream'
import type { ServerResponse } from 'node:http'
import type { Timer } from '../../clock.ts'
import { StalledError } from '../../errors.ts'
import type { AnswerBody, Source } from './answer.ts'
import { endsEvent } from './event-scanner.ts'
import { ClientLeftError } from './passage.ts'
import type { StallLimit } from './passage.ts'

/** How much a slow reader may leave unread before its engine has to wait, in bytes. */
const slowReaderBuffer = 1024 * 1024

/** How long a client may take for the last event of a broken stream. Milliseconds. */
const farewellLimit = 2_000

export interface ResponseBodyOptions extends Source {
  response: ServerResponse
  /** How long the reader may read nothing; undefined if there is no limit. */
  stall: StallLimit | undefined
}

/** An answer's body between engine and client. It buffers for a slow reader up to a limit, and breaks visibly if the answer breaks. */
export class ResponseBody extends Readable implements AnswerBody {
  readonly #options: ResponseBodyOptions
  #piped = false
  /** Whether the client has more than it reads: the pipe waits for it. */
  #full = false
  /** Whether the last event is complete, in an event stream. */
  #betweenEvents = true
  #stallTimer: Timer | undefined

  constructor (options: ResponseBodyOptions) {
    super({ highWaterMark: slowReaderBuffer })
    this.#options = options
    options.response.once('pipe', source => { this.#piped = source === this })
    // Behind a slow hook of yours it may break before Fastify listens.
    this.on('error', () => {})
  }

  /** Returns whether there is room for more. */
  add (chunk: Buffer): boolean {
    this.#options.passed(chunk)
    this.#betweenEvents = endsEvent(chunk)
    if (this.#straight) {
      this.#full = !this.#options.response.write(chunk)
      return true
    }
    const room = this.push(chunk)
    if (!room && this.#stallTimer === undefined) this.#watchReader()
    return room
  }

  /** These are not bytes of the engine. A client that has not read the last one does not need another. */
  comment (text: () => string): void {
    if (this.#betweenEvents && this.readableLength === 0) this.push(`: ${text()}\n\n`)
  }

  end (): void {
    this.push(null)
  }

  /**
   * Whether the pipe would write the next bytes at once, and nobody else sees them: then they need not go through the pipe,
   * which costs as much as writing them. As soon as the client reads too slowly, the pipe does it all.
   */
  get #straight (): boolean {
    return this.#piped && !this.#full && this.readableFlowing === true && this.readableLength === 0 && this.listenerCount('data') === 1
  }

  override _read (): void {
    this.#full = false
    this.#stopWatching()
    this.#options.resume()
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    this.#stopWatching()
    // Read to its end, as nearly all are: destroying it would gain nothing, and an error costs as much as all the rest.
    if (!this.readableEnded) this.#options.abandoned(error ?? new ClientLeftError())
    callback(error)
  }

  /** Breaks the connection to the client: the body must not look complete. */
  break (error: Error, lastEvent?: string): void {
    const { response } = this.#options
    // Behind a hook that compresses there is no place for bytes of the gateway.
    if (lastEvent === undefined || !this.#piped) {
      this.destroy(error)
      return
    }
    this.unpipe(response)
    for (let chunk = this.read(); chunk !== null; chunk = this.read()) response.write(chunk)
    // Destroying the connection before the event is written would always lose the event.
    response.write(lastEvent, () => response.destroy(error))
    setTimeout(() => response.destroy(error), farewellLimit).unref()
  }

  #watchReader (): void {
    const { stall, abandoned } = this.#options
    if (stall === undefined) return
    const { clock, limit, expired } = stall
    this.#stallTimer = clock.setTimeout(() => {
      if (expired()) abandoned(new StalledError(limit))
      else this.#watchReader()
    }, limit)
  }

  #stopWatching (): void {
    if (this.#stallTimer === undefined) return
    const { clock, over } = this.#options.stall!
    clock.clearTimeout(this.#stallTimer)
    this.#stallTimer = undefined
    over()
  }
}
