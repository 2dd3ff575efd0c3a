import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Lets a whole change happen before any decision is based on it. */
export type AtOnce = (change: () => void) => void

/**
 * Calls back once, later, when the response is over: complete, or because the client left. Fastify's own hooks miss aborts,
 * and its `request.signal` fires early on POST (fastify#6725). When a client leaves, all its pipelined requests leave
 * together: one by one, the end of the first would cause a switch for the second.
 */
export function whenOver (request: FastifyRequest, reply: FastifyReply, atOnce: AtOnce, callback: () => void): void {
  const { socket } = request.raw
  const open = openRequests(socket, atOnce)
  const over = () => { if (open.delete(over)) callback() }
  open.add(over)
  // Every response closes once, complete or not. `stream.finished` waits for that too, with nine more listeners.
  reply.raw.on('close', () => {
    if (socket.destroyed) endAll(open, atOnce)
    else over()
  })
  // Closed already: the event would not come again.
  if (isOver(request, reply)) process.nextTick(over)
}

/** Whether the client has left already. */
export function isOver (request: FastifyRequest, reply: FastifyReply): boolean {
  return request.raw.socket.destroyed || reply.raw.destroyed
}

type OpenRequests = Set<() => void>

const bySocket = new WeakMap<Socket, OpenRequests>()

/**
 * The open requests of a connection. A pipelined second response gets no event at its socket's end, so we listen there too:
 * once for all of them, since there may be more than Node's listener limit.
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
