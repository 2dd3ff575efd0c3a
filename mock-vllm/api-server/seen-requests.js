import { createHash } from 'node:crypto'

const maxBytes = 64 * 2 ** 20
const maxCount = 200

/** The requests that arrived, byte for byte, for tests that ask what really reached the engine. The oldest are forgotten. */
export class SeenRequests {
  /** @type {{ at: number, method: string, url: string, headers: string[], body: Buffer }[]} */
  #list = []
  #bytes = 0

  /** @param {import('node:http').IncomingMessage} req @param {Buffer} body */
  add (req, body) {
    this.#list.push({ at: Date.now(), method: req.method ?? '', url: req.url ?? '', headers: req.rawHeaders, body })
    this.#bytes += body.length
    while (this.#bytes > maxBytes || this.#list.length > maxCount) this.#bytes -= this.#list.shift()?.body.length ?? 0
  }

  clear () {
    this.#list = []
    this.#bytes = 0
  }

  /** The latest first. */
  toJSON () {
    return this.#list.map(({ body, ...rest }) => ({ ...rest, ...describeBody(body) })).reverse()
  }
}

/** @param {Buffer} body */
export function describeBody (body) {
  return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex'), base64: body.toString('base64') }
}
