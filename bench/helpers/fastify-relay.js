import Fastify from 'fastify'
import { Agent } from 'undici'

/*
 * What a plugin of Fastify can do: a route that reads its body and hands it to undici's `dispatch`, and nothing else. Answers
 * go on when they are whole.
 */

class Passage {
  /** @type {Buffer[]} */
  #chunks = []
  #status = 0
  /** @type {import('node:http').IncomingHttpHeaders} */
  #headers = {}

  /** @param {import('fastify').FastifyReply} reply */
  constructor (reply) {
    this.reply = reply
  }

  onRequestStart () {}

  /** @param {import('undici').Dispatcher.DispatchController} _controller @param {number} status @param {import('node:http').IncomingHttpHeaders} headers */
  onResponseStart (_controller, status, headers) {
    this.#status = status
    this.#headers = headers
  }

  /** @param {import('undici').Dispatcher.DispatchController} _controller @param {Buffer} chunk */
  onResponseData (_controller, chunk) {
    this.#chunks.push(chunk)
  }

  onResponseEnd () {
    const chunks = this.#chunks
    this.reply.code(this.#status).headers(this.#headers).send(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
  }

  /** @param {import('undici').Dispatcher.DispatchController} _controller @param {Error} error */
  onResponseError (_controller, error) {
    this.reply.send(error)
  }
}

/** @param {number} enginePort */
export function fastifyRelay (enginePort) {
  const origin = `http://127.0.0.1:${enginePort}`
  const agent = new Agent({ connections: null, headersTimeout: 0, bodyTimeout: 0 })
  const app = Fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/*', (request, reply) => {
    const { host, connection, ...headers } = request.headers
    agent.dispatch({ origin, path: request.raw.url ?? '/', method: 'POST', headers, body: /** @type {Buffer} */ (request.body) }, new Passage(reply))
  })
  return app
}
