import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { jsonAnswer, streamChunks, streamEnd, streamHead, timedEvent } from './answers.js'

/*
 * The engine of the relay's measurements, started as `vllm serve` is. It must cost less than what is measured, or all
 * relays look alike: this one answers with bytes made beforehand and looks at no more of a request than its length and
 * one header, at about a third of what node:http costs. mock-vllm does a whole engine's work for each request instead.
 */

const { values } = parseArgs({
  strict: false,
  options: { uds: { type: 'string' }, port: { type: 'string' }, 'healthy-ms': { type: 'string', default: '0' } }
})

const arrivals = { count: 0, first: 0, last: 0 }
const nothing = Buffer.alloc(0)
const ok = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')

/** @type {Map<string, (socket: import('node:net').Socket) => void>} */
const answers = new Map()

/** @param {string} spec */
function answerOf (spec) {
  let answer = answers.get(spec)
  if (answer === undefined) answers.set(spec, answer = makeAnswer(JSON.parse(spec)))
  return answer
}

/** @param {import('./answers.js').Answer} spec @returns {(socket: import('node:net').Socket) => void} */
function makeAnswer ({ bytes, events = 0, batch = 1, perSecond }) {
  if (perSecond !== undefined) return socket => pace(socket, perSecond)
  if (bytes !== undefined) {
    const answer = jsonAnswer(bytes)
    return socket => { socket.write(answer) }
  }
  const chunks = streamChunks(batch)
  return socket => {
    socket.write(streamHead)
    stream(socket, chunks, events / batch)
  }
}

/** All streams take turns, as in a batch of the real engine. @param {import('node:net').Socket} socket @param {Buffer} chunks @param {number} left */
function stream (socket, chunks, left) {
  if (socket.destroyed) return
  if (left === 0) return socket.write(streamEnd)
  const next = () => stream(socket, chunks, left - 1)
  if (socket.write(chunks)) setImmediate(next)
  else socket.once('drain', next)
}

/** Streams by the millisecond of their period in which they get their events. @type {Map<number, Set<import('node:net').Socket>[]>} */
const paced = new Map()
let placed = 0

/** @param {import('node:net').Socket} socket @param {number} perSecond */
function pace (socket, perSecond) {
  const slots = Array.from({ length: Math.round(1_000 / perSecond) }, () => /** @type {Set<import('node:net').Socket>} */ (new Set()))
  const own = paced.get(perSecond) ?? slots
  if (own === slots) {
    paced.set(perSecond, slots)
    let time = performance.now()
    let slot = 0
    setInterval(() => {
      for (; time < performance.now(); time++) for (const socket of slots[slot = (slot + 1) % slots.length] ?? []) socket.write(timedEvent())
    }, 1)
  }
  const place = own[placed++ % own.length]
  place?.add(socket)
  socket.once('close', () => place?.delete(socket))
  socket.write(streamHead)
}

/** @param {import('node:net').Socket} socket @param {string} head */
function respond (socket, head) {
  const spec = /\r\nx-bench: (.*)/i.exec(head)?.[1]
  if (spec !== undefined) {
    arrivals.last = Date.now()
    if (arrivals.count++ === 0) arrivals.first = arrivals.last
    answerOf(spec)(socket)
  } else if (head.startsWith('POST /bench/arrivals')) {
    const text = JSON.stringify(arrivals)
    arrivals.count = 0
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`)
  } else socket.write(ok)
}

const server = createServer({ noDelay: true }, socket => {
  let rest = nothing
  socket.on('error', () => socket.destroy())
  socket.on('data', chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = rest.indexOf('\r\n\r\n'); end !== -1; end = rest.indexOf('\r\n\r\n')) {
      const head = rest.toString('latin1', 0, end)
      const next = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (rest.length < next) return
      rest = rest.subarray(next)
      respond(socket, head)
    }
  })
})

/** From the start of the process, so that what starting Node takes is part of it. */
const wait = Math.max(0, Number(values['healthy-ms']) - performance.now())
setTimeout(() => server.listen(values.uds === undefined ? { port: Number(values.port), host: '127.0.0.1', backlog: 4096 } : { path: String(values.uds), backlog: 4096 }), wait)
