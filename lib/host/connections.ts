import { Server } from 'node:http'
import { Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** The connections of a server that have requests, and connections that have had none yet. */
class Connections {
  readonly #silent = new Set<Socket>()
  /** The number of requests on each connection; pipelining allows several. */
  readonly #requests = new Map<Socket, number>()
  readonly #known = new WeakSet<Socket>()
  #whenQuiet: () => void = () => {}

  opened (socket: Socket): void {
    this.#known.add(socket)
    this.#silent.add(socket)
    socket.once('close', () => this.#closed(socket))
  }

  get silent (): Socket[] {
    return [...this.#silent].filter(socket => socket.bytesRead === 0)
  }

  /** A request has arrived. */
  begin (socket: Socket): void {
    // On several addresses Fastify has several servers, but exposes one.
    if (!this.#known.has(socket)) this.opened(socket)
    this.#silent.delete(socket)
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1)
  }

  /** The response has been sent. Returns whether nothing else runs on this connection. */
  end (socket: Socket): boolean {
    const left = (this.#requests.get(socket) ?? 1) - 1
    if (left > 0) this.#requests.set(socket, left)
    else this.#forget(socket)
    return left <= 0
  }

  /** Resolves when no request is open. */
  async quiet (): Promise<void> {
    if (this.#requests.size > 0) await new Promise<void>(resolve => { this.#whenQuiet = resolve })
  }

  #closed (socket: Socket): void {
    this.#silent.delete(socket)
    this.#forget(socket)
  }

  #forget (socket: Socket): void {
    this.#requests.delete(socket)
    if (this.#requests.size === 0) this.#whenQuiet()
  }
}

/**
 * Closes idle connections of a closing server. Node keeps two kinds open: connections without any request yet, which
 * browsers open in advance, and those whose last response ends after the close began, for `keepAliveTimeout` (72 s in
 * Fastify). The engines would hold the GPU as long. Returns a function whose promise resolves when no request is open.
 */
export function releaseConnections (fastify: FastifyInstance): () => Promise<void> {
  const server: object = fastify.server
  const connections = new Connections()
  // HTTP/2 ends connections differently, and Fastify does that.
  if (!(server instanceof Server || server instanceof SecureServer)) return () => connections.quiet()
  let closing = false
  server.on('connection', (socket: Socket) => connections.opened(socket))
  fastify.addHook('preClose', done => {
    closing = true
    for (const socket of connections.silent) socket.destroy()
    done()
  })
  fastify.addHook('onRequest', ({ raw: { socket } }, _reply, done) => {
    connections.begin(socket)
    done()
  })
  fastify.addHook('onResponse', ({ raw: { socket } }, _reply, done) => {
    if (connections.end(socket) && closing) socket.destroySoon()
    done()
  })
  return () => connections.quiet()
}
