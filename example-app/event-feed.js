import { PassThrough } from 'node:stream'

/** Bytes kept for somebody who reads too slowly, before the connection is given up. */
const longestBacklog = 1024 ** 2

/**
 * Every change of state, as server-sent events, for as long as somebody looks on.
 * @param {import('fastify').FastifyInstance} app
 */
export function eventFeed (app) {
  const { events } = app.llmux
  /** @type {Set<PassThrough>} */
  const feeds = new Set()

  // An open feed would keep the server from closing.
  app.addHook('preClose', async () => feeds.forEach(feed => feed.end()))

  /** @param {import('fastify').FastifyRequest} _request @param {import('fastify').FastifyReply} reply */
  return (_request, reply) => {
    const feed = new PassThrough()
    const listeners = (/** @type {const} */ (['engine', 'transition', 'request', 'warning'])).map(name => {
      const listener = (/** @type {{ error?: Error }} */ { error, ...change }) => {
        if (feed.writableLength > longestBacklog) return feed.destroy()
        feed.write(`event: ${name}\ndata: ${JSON.stringify({ ...change, error: error?.message })}\n\n`)
      }
      events.on(name, listener)
      return () => events.off(name, listener)
    })
    feeds.add(feed)
    feed.once('close', () => {
      listeners.forEach(stop => stop())
      feeds.delete(feed)
    })
    feed.write(': open\n\n')
    reply.type('text/event-stream').header('cache-control', 'no-store').send(feed)
  }
}
