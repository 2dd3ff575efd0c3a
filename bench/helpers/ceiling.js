import { createServer } from 'node:http'
import { Agent } from 'undici'

/*
 * What Node can do: node:http in front of undici's `dispatch`, and nothing else. No hooks, no model, no queue, no errors.
 */

class Passage {
  /** @param {import('node:http').ServerResponse} response */
  constructor (response) {
    this.response = response
  }

  onRequestStart () {}

  /** @param {import('undici').Dispatcher.DispatchController} _controller @param {number} status @param {import('node:http').IncomingHttpHeaders} headers */
  onResponseStart (_controller, status, headers) {
    delete headers['transfer-encoding']
    this.response.writeHead(status, headers)
  }

  /** @param {import('undici').Dispatcher.DispatchController} controller @param {Buffer} chunk */
  onResponseData (controller, chunk) {
    if (this.response.write(chunk)) return
    controller.pause()
    this.response.once('drain', () => controller.resume())
  }

  onResponseEnd () {
    this.response.end()
  }

  onResponseError () {
    this.response.destroy()
  }
}

/** @param {number} enginePort @returns {import('node:http').Server} */
export function ceiling (enginePort) {
  const origin = `http://127.0.0.1:${enginePort}`
  const agent = new Agent({ connections: null, headersTimeout: 0, bodyTimeout: 0 })
  return createServer((request, response) => {
    /** @type {Buffer[]} */
    const chunks = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const { host, connection, ...headers } = request.headers
      const body = chunks.length === 1 ? /** @type {Buffer} */ (chunks[0]) : Buffer.concat(chunks)
      agent.dispatch({ origin, path: request.url ?? '/', method: 'POST', headers, body }, new Passage(response))
    })
  })
}
