/** @typedef {import('node:http').ServerResponse} Response */

let dateText = ''
let dateAt = 0

/** Formatting a date costs as much as a small answer: once a second is enough. */
function date () {
  const now = Date.now()
  if (now - dateAt >= 1000) {
    dateAt = now
    dateText = new Date(now).toUTCString()
  }
  return dateText
}

/**
 * uvicorn's headers: it says nothing of keep-alive, so a client does not learn that idle sockets are closed after 5 s.
 * @param {Response} res @param {number} status @param {string[]} headers
 */
function head (res, status, headers) {
  res.removeHeader('connection')
  res.writeHead(status, ['date', date(), 'server', 'uvicorn', ...headers])
}

/** @param {Response} res @param {number} status @param {unknown} value */
export function sendJson (res, status, value) {
  sendText(res, status, JSON.stringify(value), 'application/json')
}

/** @param {Response} res @param {number} status @param {string} [text] @param {string} [type] */
export function sendText (res, status, text = '', type = 'text/plain; charset=utf-8') {
  const length = String(Buffer.byteLength(text))
  head(res, status, text === '' ? ['content-length', length] : ['content-length', length, 'content-type', type])
  res.end(text) // a string goes out with the head in one write, a Buffer does not
}

/** @param {Response} res @param {string} location */
export function sendRedirect (res, location) {
  head(res, 307, ['content-length', '0', 'location', location])
  res.end()
}

/** @param {Response} res */
export function startEvents (res) {
  head(res, 200, ['content-type', 'text/event-stream; charset=utf-8'])
}

/** FastAPI's own words, for what never reaches vLLM's code. @param {Response} res @param {number} status @param {string} detail */
export function sendDetail (res, status, detail) {
  sendJson(res, status, { detail })
}

/**
 * @param {Response} res @param {number} code @param {string} type @param {string} message @param {string | null} [param]
 */
export function sendError (res, code, type, message, param = null) {
  sendJson(res, code, { error: { message, type, param, code } })
}

export const engineDead = {
  error: { message: 'EngineCore encountered an issue. See stack trace (above) for the root cause.', type: 'InternalServerError', param: null, code: 500 }
}
