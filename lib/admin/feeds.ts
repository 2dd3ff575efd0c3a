import { PassThrough } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** Bytes kept for somebody who reads too slowly, before the connection is given up. */
const longestBacklog = 1024 ** 2

/** Answers that go on for as long as somebody reads them. They end with the server, which they would keep from closing. */
export class Feeds {
  readonly #open = new Set<PassThrough>()
  #closing = false

  constructor (scope: FastifyInstance) {
    scope.addHook('preClose', done => {
      this.#closing = true
      for (const feed of this.#open) feed.end()
      done()
    })
  }

  /** Sends `beginning`, then what `subscribe` is told to write. `subscribe` returns how to stop. */
  open (reply: FastifyReply, type: string, beginning: string, subscribe: (write: (text: string) => void) => () => void): FastifyReply {
    const feed = new PassThrough()
    this.#open.add(feed)
    const stop = subscribe(text => {
      if (feed.writableLength > longestBacklog) feed.destroy()
      else if (feed.writable) feed.write(text)
    })
    feed.once('close', () => {
      stop()
      this.#open.delete(feed)
    })
    feed.write(beginning)
    if (this.#closing) feed.end()
    return reply.type(type).header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(feed)
  }
}
