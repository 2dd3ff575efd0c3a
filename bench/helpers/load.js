import { Pool } from 'undici'
import { lateness, lengthOf } from './answers.js'
import { serve } from './child.js'

/** @typedef {import('./answers.js').Answer} Answer */
/** @typedef {{ url: string, path?: string, model?: string, answer: Answer, bodyBytes?: number }} Target */

/** @type {Map<string, Pool>} */
const pools = new Map()

/** undici's `dispatch` under everything else, since what the client takes from the two cores the relay does not have. */
class Exchange {
  /** @param {number} expected @param {(bytes: number) => void} onBytes @param {(error?: Error) => void} done */
  constructor (expected, onBytes, done) {
    this.missing = expected
    this.onBytes = onBytes
    this.done = done
  }

  onRequestStart () {}

  /** @param {unknown} _controller @param {number} status */
  onResponseStart (_controller, status) {
    if (status !== 200) this.done(new Error(`status ${status}`))
  }

  /** @param {unknown} _controller @param {Buffer} chunk */
  onResponseData (_controller, chunk) {
    this.missing -= chunk.length
    this.onBytes(chunk.length)
  }

  onResponseEnd () {
    this.done(this.missing === 0 ? undefined : new Error(`${this.missing} bytes are missing`))
  }

  /** @param {unknown} _controller @param {Error} error */
  onResponseError (_controller, error) {
    this.done(error)
  }
}

/** Requests to one target, each checked. @param {Target} target @param {number | null} connections */
function sender ({ url, path = '/v1/chat/completions', model = 'bench', answer, bodyBytes = 256 }, connections) {
  const key = `${connections} ${url}`
  const pool = pools.get(key) ?? new Pool(url, { connections, headersTimeout: 0, bodyTimeout: 0 })
  pools.set(key, pool)
  const body = JSON.stringify({ model, stream: answer.events !== undefined, messages: [{ role: 'user', content: 'x'.repeat(bodyBytes) }] })
  const options = { path, method: /** @type {const} */ ('POST'), headers: { 'content-type': 'application/json', 'x-bench': JSON.stringify(answer) }, body }
  const expected = lengthOf(answer)
  return (/** @type {(bytes: number) => void} */ onBytes, /** @type {(error?: Error) => void} */ done) => pool.dispatch(options, new Exchange(expected, onBytes, done))
}

/**
 * As many requests as go through, one after the other on each connection. Answers that come in the first fifth of the
 * time warm up only: `answers` and `bytes` are of the rest, `all` is of both.
 * @param {Target & { connections: number, ms: number }} load
 */
async function flood ({ connections, ms, ...target }) {
  const send = sender(target, connections)
  const begin = performance.now()
  const [from, to] = [begin + ms / 5, begin + ms]
  const count = { answers: 0, bytes: 0, all: 0, allBytes: 0 }
  const isCounted = () => performance.now() >= from && performance.now() < to
  const onBytes = (/** @type {number} */ bytes) => {
    count.allBytes += bytes
    if (isCounted()) count.bytes += bytes
  }
  await Promise.all(Array.from({ length: connections }, () => /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
    const next = () => send(onBytes, error => {
      if (error !== undefined) return reject(error)
      count.all++
      if (isCounted()) count.answers++
      if (performance.now() < to) next()
      else resolve()
    })
    next()
  }))))
  return { ...count, seconds: (to - from) / 1000 }
}

/** So many requests at once; resolves when all are answered. @param {Target & { count: number }} load */
async function burst ({ count, ...target }) {
  const send = sender(target, null)
  await Promise.all(Array.from({ length: count }, () => new Promise((resolve, reject) => {
    send(() => {}, error => error === undefined ? resolve(undefined) : reject(error))
  })))
}

/** @type {{ late: number[], controllers: Set<import('undici').Dispatcher.DispatchController> }} */
const open = { late: [], controllers: new Set() }

/** Opens so many streams of timed events, a few at a time. @param {Target & { count: number }} load */
async function openStreams ({ count, url, path = '/v1/chat/completions', model = 'bench', answer }) {
  const pool = new Pool(url, { connections: null, headersTimeout: 0, bodyTimeout: 0 })
  const body = JSON.stringify({ model, stream: true, messages: [] })
  const headers = { 'content-type': 'application/json', 'x-bench': JSON.stringify(answer) }
  for (let index = 0; index < count; index += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - index) }, () => new Promise((resolve, reject) => {
      pool.dispatch({ path, method: 'POST', headers, body }, {
        onRequestStart (controller) { open.controllers.add(controller) },
        onResponseStart (_controller, status) { if (status === 200) resolve(undefined); else reject(new Error(`status ${status}`)) },
        onResponseData (_controller, chunk) { lateness(chunk, late => open.late.push(late)) },
        onResponseEnd () {},
        // They are broken off in the end.
        onResponseError () {}
      })
    })))
  }
}

/** How late the events were that have come since the last call. */
function events () {
  const late = open.late.sort((a, b) => a - b)
  open.late = []
  return { count: late.length, p50: late[late.length >> 1] ?? NaN, p99: late[Math.floor(late.length * 0.99)] ?? NaN, most: late.at(-1) ?? NaN }
}

function closeStreams () {
  for (const controller of open.controllers) controller.abort(new Error('done'))
  open.controllers.clear()
  open.late = []
}

serve({ flood, burst, openStreams, events, closeStreams })
