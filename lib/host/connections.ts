import { Server } from 'node:http'
import { Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** The connections of a server that are in use, and those on which nothing has been said yet. */
class Connections {
  readonly #silent = new Set<Socket>()
  /** Requests of each connection: pipelined ones are more than one. */
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

  /** A request has come. */
  begin (socket: Socket): void {
    // On several addresses Fastify has several servers, and shows one.
    if (!this.#known.has(socket)) this.opened(socket)
    this.#silent.delete(socket)
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1)
  }

  /** Its response has been sent. Returns whether nothing else is under way on this connection. */
  end (socket: Socket): boolean {
    const left = (this.#requests.get(socket) ?? 1) - 1
    if (left > 0) this.#requests.set(socket, left)
    else this.#forget(socket)
    return left <= 0
  }

  /** Resolves when no request is under way. */
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
 * Lets a server that closes go of connections on which nothing happens any more. Node takes one on which nothing has been
 * said yet for busy, as browsers open them in advance, and keeps one whose last response comes after the closing has begun
 * for as long as `keepAliveTimeout`, 72 s in Fastify: the engines would hold the GPU as long. Returns what resolves when
 * no request is under way.
 */
export function releaseConnections (fastify: FastifyInstance): () => Promise<void> {
  const server: object = fastify.server
  const connections = new Connections()
  // HTTP/2 has a way of its own to end, and Fastify goes it.
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
