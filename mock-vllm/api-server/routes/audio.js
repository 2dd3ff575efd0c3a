import { transcription } from '../dialects/chat.js'
import { generate } from '../generation.js'
import { sendError } from '../http-answers.js'

/** @typedef {import('../app.js').Handler} Handler */

/**
 * @param {Buffer} body @param {string} boundary
 * @returns {{ name: string, filename: string | undefined, value: Buffer }[]}
 */
function parseMultipart (body, boundary) {
  const parts = []
  const mark = Buffer.from(`--${boundary}`)
  for (let at = body.indexOf(mark); at >= 0;) {
    const from = at + mark.length + 2
    at = body.indexOf(mark, from)
    if (at < 0) break
    const split = body.indexOf('\r\n\r\n', from)
    const headers = body.toString('utf8', from, split)
    const name = /name="([^"]*)"/.exec(headers)?.[1]
    if (name !== undefined && split < at) parts.push({ name, filename: /filename="([^"]*)"/.exec(headers)?.[1], value: body.subarray(split + 4, at - 2) })
  }
  return parts
}

/** @type {Handler} */
function onAudio (app, call) {
  const boundary = /boundary="?([^";]+)"?/.exec(String(call.req.headers['content-type'] ?? ''))?.[1]
  if (boundary === undefined) return sendError(call.res, 400, 'Bad Request', "1 validation error:\n  {'type': 'missing', 'loc': 'body.file', 'msg': 'Field required'}", 'body.file')
  const parts = parseMultipart(call.body, boundary)
  const file = parts.find((part) => part.name === 'file')
  if (file === undefined) return sendError(call.res, 400, 'Bad Request', "1 validation error:\n  {'type': 'missing', 'loc': 'body.file', 'msg': 'Field required'}", 'body.file')
  const fields = Object.fromEntries(parts.filter((part) => part !== file).map((part) => [part.name, part.value.toString()]))
  const body = { ...fields, temperature: Number(fields['temperature'] ?? 0), stream: fields['stream']?.toLowerCase() === 'true', n: 1 }
  const prompt = `${file.filename ?? 'file'} ${file.value.length} bytes ${fields['prompt'] ?? ''}`
  generate(app, call, { body, prompt, limit: undefined, prefix: 'trsc' }, transcription)
}

/** @type {[string, Handler][]} */
export const audioRoutes = [
  ['POST /v1/audio/transcriptions', onAudio],
  ['POST /v1/audio/translations', onAudio]
]
