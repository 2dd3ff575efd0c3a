/**
 * @typedef {object} Answer What a request asks the bench's engine for, in its header `x-bench`.
 * @property {number} [bytes] one JSON body of so many bytes
 * @property {number} [events] a stream of so many events
 * @property {number} [batch] events in one write
 * @property {number} [perSecond] events a second, each with the time at which it was sent, until the client leaves
 */

const head = 'HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n'

/** One token as vLLM sends it. */
const event = `data: ${JSON.stringify({
  id: 'chatcmpl-0123456789abcdef',
  object: 'chat.completion.chunk',
  created: 1767225600,
  model: 'bench',
  choices: [{ index: 0, delta: { content: ' token' }, logprobs: null, finish_reason: null }]
})}\n\n`

/** The body's length, by which the client sees that nothing was lost. @param {Answer} answer */
export function lengthOf ({ bytes, events = 0 }) {
  return bytes ?? events * event.length
}

/** @param {number} bytes */
export function jsonAnswer (bytes) {
  const [start, end] = ['{"object":"chat.completion","choices":[{"message":{"content":"', '"}}]}']
  const body = start + 'x'.repeat(bytes - start.length - end.length) + end
  return Buffer.from(`${head}content-length: ${bytes}\r\ncontent-type: application/json\r\n\r\n${body}`)
}

export const streamHead = Buffer.from(`${head}content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n`)
export const streamEnd = Buffer.from('0\r\n\r\n')

/** Events as chunks of their own, as they leave uvicorn. @param {number} count */
export function streamChunks (count) {
  return Buffer.from(`${event.length.toString(16)}\r\n${event}\r\n`.repeat(count))
}

/** The time in an event, with so many digits for a few centuries. */
const now = () => (performance.timeOrigin + performance.now()).toFixed(3)
const [before, after] = ['data: {"sent":', `,"filler":"${'x'.repeat(160)}"}\n\n`]
const timedLength = before.length + now().length + after.length

/** An event that says when it was sent, as a chunk. */
export const timedEvent = () => `${timedLength.toString(16)}\r\n${before}${now()}${after}\r\n`

/** How many milliseconds ago the events were sent that a chunk begins or ends with; each for one event. @param {Buffer} chunk @param {(late: number) => void} each */
export function lateness (chunk, each) {
  for (let at = chunk.indexOf(before); at !== -1; at = chunk.indexOf(before, at + timedLength)) {
    each(Number(now()) - Number(chunk.toString('latin1', at + before.length, at + timedLength - after.length)))
  }
}
