import { sendError } from '../http-answers.js'

/** @typedef {import('../app.js').Call} Call */

/**
 * @param {Call} call
 * @returns {any} the parsed object; nothing where the request has been answered with 400, in pydantic's words
 */
export function jsonBody ({ req, res, body }) {
  const type = String(req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    return sendError(res, 400, 'Bad Request', "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed")
  }
  try {
    const value = JSON.parse(body.toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
    return sendError(res, 400, 'Bad Request', "1 validation error:\n  {'type': 'model_attributes_type', 'loc': 'body', 'msg': 'Input should be a valid dictionary or object to extract fields from'}", 'body')
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1] ?? String(body.length)
    return sendError(res, 400, 'Bad Request', `1 validation error:\n  {'type': 'json_invalid', 'loc': 'body.${at}', 'msg': 'JSON decode error', 'input': '<dict of 0 items>', 'ctx': {'error': 'Expecting value'}}`, `body.${at}`)
  }
}

/** @param {Call} call @param {string} name */
export function sendMissing ({ res }, name) {
  sendError(res, 400, 'Bad Request', `1 validation error:\n  {'type': 'missing', 'loc': 'body.${name}', 'msg': 'Field required'}`, `body.${name}`)
}
