import { PassThrough } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../clock.ts'
import { AdminLimitError } from '../errors.ts'

/** Bytes kept for a slow reader before its connection is closed. */
const longestBacklog = 1024 ** 2

/** The number of feeds that may be open, so that forgotten ones do not use up the server's connections. */
export const mostFeeds = 100

/** Milliseconds between signs of life: load balancers close connections that are idle for a minute, some after half of one. */
export const heartbeat = 15_000

export interface Feed {
  type: string
  beginning: string
  /** Sent when nothing else is; undefined if the format has no place for it. */
  signOfLife?: string
}

/** Endless responses. They end with the server, since they would keep it from closing. */
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
   * Sends the beginning, then what `subscribe` writes. `subscribe` returns a function that stops.
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

  /** Returns a function that stops. */
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
