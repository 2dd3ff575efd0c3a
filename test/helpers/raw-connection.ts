import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A client that says just what it is told to, byte for byte. */
export class RawConnection {
  readonly socket: Socket
  text = ''
  /** Whether the other side has ended its half, or all is over. */
  ended = false
  readonly #changes = new EventEmitter()

  private constructor (socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    this.#changes.setMaxListeners(0)
    socket.on('data', chunk => {
      this.text += chunk
      this.#changes.emit('change')
    })
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.ended = true
        this.#changes.emit('change')
      })
    }
    socket.on('error', () => {}) // that it broke is seen by its end
  }

  static async open (url: string, options: { allowHalfOpen?: boolean } = {}): Promise<RawConnection> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), ...options })
    await once(socket, 'connect')
    return new RawConnection(socket)
  }

  send (text: string | Buffer): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** A whole request. Headers of its own go before the content length. */
  request (method: string, target: string, { headers = [], body = '' }: { headers?: string[], body?: string } = {}): this {
    const length = method === 'GET' && body === '' ? [] : [`content-length: ${Buffer.byteLength(body)}`]
    return this.send([`${method} ${target} HTTP/1.1`, 'host: gateway', 'content-type: application/json', ...headers, ...length, '', body].join('\r\n'))
  }

  async sees (pattern: string | RegExp): Promise<this> {
    return await this.#wait(`${pattern} has come`, () => typeof pattern === 'string' ? this.text.includes(pattern) : pattern.test(this.text))
  }

  async over (): Promise<this> {
    return await this.#wait('the connection has ended', () => this.ended)
  }

  async #wait (what: string, look: () => boolean): Promise<this> {
    const signal = AbortSignal.timeout(10_000)
    try {
      while (!look()) await once(this.#changes, 'change', { signal })
    } catch {
      throw new Error(`still not so after 10 s: ${what}; so far: ${this.text.slice(0, 2000)}`)
    }
    return this
  }

  close (): void {
    this.socket.destroy()
  }
}
