import { PassThrough } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../clock.ts'
import { AdminLimitError } from '../errors.ts'

/** Bytes kept for somebody who reads too slowly, before the connection is given up. */
const longestBacklog = 1024 ** 2

/** How many may be open: whoever forgets to close his is not to use up the server's connections. */
export const mostFeeds = 100

/** Milliseconds from one sign of life to the next: load balancers give up connections that are idle for a minute, some for half of one. */
export const heartbeat = 15_000

export interface Feed {
  type: string
  beginning: string
  /** Sent now and then if nothing else is; undefined where the type has no place for such a thing. */
  signOfLife?: string
}

/** Answers that go on for as long as somebody reads them. They end with the server, which they would keep from closing. */
export class Feeds {
  readonly #clock: Clock
  readonly #open = new Set<PassThrough>()
  #closing = false

  constructor (scope: Pick<FastifyInstance, 'addHook'>, clock: Clock) {
    this.#clock = clock
    scope.addHook('preClose', done => {
      this.#closing = true
      for (const feed of this.#open) feed.end()
      done()
    })
  }

  /**
   * Sends the beginning, then what `subscribe` is told to write. `subscribe` returns how to stop.
   *
   * @throws {AdminLimitError}
   */
  open (reply: FastifyReply, { type, beginning, signOfLife }: Feed, subscribe: (write: (text: string) => void) => () => void): FastifyReply {
    if (this.#open.size === mostFeeds) throw new AdminLimitError('feeds', mostFeeds)
    const feed = new PassThrough()
    this.#open.add(feed)
    const write = (text: string) => {
      if (feed.writableLength > longestBacklog) feed.destroy()
      else if (feed.writable) feed.write(text)
    }
    const stop = subscribe(write)
    const stopBeating = signOfLife === undefined ? undefined : this.#beat(() => write(signOfLife))
    feed.once('close', () => {
      stop()
      stopBeating?.()
      this.#open.delete(feed)
    })
    feed.write(beginning)
    if (this.#closing) feed.end()
    return reply.type(type).header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(feed)
  }

  /** Returns how to stop. */
  #beat (action: () => void): () => void {
    const clock = this.#clock
    const next = () => {
      timer = clock.setTimeout(next, heartbeat)
      action()
    }
    let timer = clock.setTimeout(next, heartbeat)
    return () => clock.clearTimeout(timer)
  }
}
