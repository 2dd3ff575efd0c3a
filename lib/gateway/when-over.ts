import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Lets all of a change happen before anything is decided upon it. */
export type AtOnce = (change: () => void) => void

/**
 * Calls back once, later, when the response is over: whole, or because the client has left. Fastify's own hooks miss
 * aborts, and its `request.signal` fires early on POST (fastify#6725). With the client all its pipelined requests have
 * left at once: one by one, the end of the first would cause a switch for the second.
 */
export function whenOver (request: FastifyRequest, reply: FastifyReply, atOnce: AtOnce, callback: () => void): void {
  const { socket } = request.raw
  const open = openRequests(socket, atOnce)
  const over = () => { if (open.delete(over)) callback() }
  open.add(over)
  // Every response is closed, be it whole or not; `stream.finished` waits for that too, with nine listeners more.
  reply.raw.once('close', () => {
    if (socket.destroyed) endAll(open, atOnce)
    else over()
  })
  // Closed already, of which nobody would hear any more.
  if (isOver(request, reply)) process.nextTick(over)
}

/** Whether the client has left already. */
export function isOver (request: FastifyRequest, reply: FastifyReply): boolean {
  return request.raw.socket.destroyed || reply.raw.destroyed
}

type OpenRequests = Set<() => void>

const bySocket = new WeakMap<Socket, OpenRequests>()

/**
 * The requests of a connection that are not over. A pipelined second response hears nothing of its socket's end, so that
 * is listened for too: once for all of them, of which there may be more than Node thinks are sane.
 */
function openRequests (socket: Socket, atOnce: AtOnce): OpenRequests {
  const known = bySocket.get(socket)
  if (known !== undefined) return known
  const open: OpenRequests = new Set()
  bySocket.set(socket, open)
  socket.once('close', () => endAll(open, atOnce))
  return open
}

function endAll (open: OpenRequests, atOnce: AtOnce): void {
  atOnce(() => { for (const over of [...open]) over() })
}
