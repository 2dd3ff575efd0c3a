import { request } from 'undici'
import { readText } from '../helpers/read-text.js'
import { poisonWord } from './plan.js'

/**
 * @typedef {import('./plan.js').Shot} Shot
 *
 * @typedef {object} Outcome
 * @property {Shot} shot
 * @property {'whole' | 'error' | 'broken' | 'left' | 'fault'} kind `fault`: what must never happen, see `detail`
 * @property {number} [status]
 * @property {string} [code] of an error, or of the error event before a stream broke
 * @property {string} [detail]
 * @property {number} [first] ms until the first byte; undefined if none came
 * @property {boolean} [begun] bytes of an answer had come, not only comments
 * @property {number} ms
 */

/** Carries the shot's id. */
export const shotHeader = 'x-shot'

/** @param {Shot} shot */
function bodyOf ({ id, model, stream, tokens, crash, padding }) {
  const content = `${id} ${crash === 'poison' ? poisonWord : ''}${' '.repeat(padding)}`
  return JSON.stringify({ model, stream, max_tokens: tokens, messages: [{ role: 'user', content }] })
}

/**
 * Sends one request and says how it ended, as its client sees it.
 * @param {string} url
 * @param {Shot} shot
 * @param {import('undici').Dispatcher} dispatcher
 * @returns {Promise<Outcome>}
 */
export async function fire (url, shot, dispatcher) {
  const began = performance.now()
  const done = (/** @type {Omit<Outcome, 'shot' | 'ms'>} */ outcome) => ({ shot, ...outcome, ms: performance.now() - began, ...(first !== undefined && { first }), begun: isBegun(text) })
  const leaving = new AbortController()
  const timer = shot.leaveAfter === undefined ? undefined : setTimeout(() => leaving.abort(), shot.leaveAfter)
  let status
  /** @type {number | undefined} */
  let first
  let text = ''
  try {
    const answer = await request(`${url}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json', [shotHeader]: shot.id }, body: bodyOf(shot), dispatcher, signal: leaving.signal
    })
    status = answer.statusCode
    const fault = await readText(answer.body, more => {
      first ??= performance.now() - began
      text += more
    })
    if (fault !== undefined) throw fault
  } catch (error) {
    const kind = leaving.signal.aborted ? 'left' : 'broken'
    return done({ kind, code: errorCode(text), detail: String(error), ...(status !== undefined && { status }) })
  } finally {
    clearTimeout(timer)
  }
  return done({ status, ...judge(shot, status, text) })
}

/** @param {string} text */
function isBegun (text) {
  const events = text.replace(/^: .*\n\n/gm, '')
  return events !== '' && !events.startsWith('data: {"error"')
}

/** @param {string} text */
function errorCode (text) {
  return /"code":"(\w+)"/.exec(text.slice(text.lastIndexOf('{"error"')))?.[1] ?? ''
}

/**
 * What to think of an answer that ended as if it were whole.
 * @param {Shot} shot
 * @param {number} status
 * @param {string} text
 * @returns {Pick<Outcome, 'kind' | 'code' | 'detail'>}
 */
function judge (shot, status, text) {
  if (status !== 200) {
    const code = errorCode(text)
    return code === '' ? { kind: 'fault', detail: `status ${status} without an error of ours: ${text.slice(0, 200)}` } : { kind: 'error', code, detail: text.slice(0, 400) }
  }
  const content = shot.stream ? streamContent(text) : jsonContent(text)
  if (content === undefined) return { kind: 'fault', detail: `silently cut after ${text.length} bytes: …${text.slice(-120)}` }
  // A short answer ends before it has said whose it is.
  const expected = `[served=${shot.model} engine=${shot.model} asked=${shot.model}`
  const shorter = Math.min(content.length, expected.length)
  return content.slice(0, shorter) === expected.slice(0, shorter) ? { kind: 'whole' } : { kind: 'fault', detail: `another model's answer: ${content.slice(0, 120)}` }
}

/** @param {string} text */
function streamContent (text) {
  if (!text.endsWith('data: [DONE]\n\n')) return undefined
  // Comments come before the first event, to those who have waited, and between two of those who are frozen.
  const chunks = text.replace(/^: .*\n\n/gm, '').split('\n\n').slice(0, -2).map((event) => JSON.parse(event.slice('data: '.length)))
  if (!chunks.some((chunk) => chunk.choices?.[0]?.finish_reason)) return undefined
  return chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? '').join('')
}

/** @param {string} text */
function jsonContent (text) {
  const [choice] = JSON.parse(text).choices
  return choice.finish_reason ? String(choice.message.content) : undefined
}
