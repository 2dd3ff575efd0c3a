import type { Socket } from 'node:net'
import { finished } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Calls back once, later, when the response is over: whole, or because the client has left. Fastify's own hooks miss
 * aborts, and its `request.signal` fires early on POST (fastify#6725).
 */
export function whenOver (request: FastifyRequest, reply: FastifyReply, callback: () => void): void {
  const { socket } = request.raw
  const once = () => {
    stopListening()
    stopWatching()
    callback()
  }
  const stopWatching = finished(reply.raw, once)
  // A pipelined second response hears nothing of its socket's end.
  const stopListening = onClose(socket, once)
  if (socket.destroyed) process.nextTick(once)
}

/** Whether the client has left already. */
export function isOver (request: FastifyRequest, reply: FastifyReply): boolean {
  return request.raw.socket.destroyed || reply.raw.destroyed
}

const closing = new WeakMap<Socket, Set<() => void>>()

/** With one listener for all requests of a connection: of pipelined ones there may be more than Node thinks are sane. Returns how to stop. */
function onClose (socket: Socket, callback: () => void): () => void {
  let callbacks = closing.get(socket)
  if (callbacks === undefined) {
    const all = callbacks = new Set()
    closing.set(socket, all)
    socket.once('close', () => { for (const each of [...all]) each() })
  }
  callbacks.add(callback)
  return () => callbacks.delete(callback)
}
