import { chat, completion } from '../dialects/chat.js'
import { messages, oldMessages } from '../dialects/messages.js'
import { responses } from '../dialects/responses.js'
import { generate } from '../generation.js'
import { sendError, sendText } from '../http-answers.js'
import { jsonBody, sendMissing } from './json-body.js'
import { allText, contentText, lastUserText } from './prompts.js'

/** @typedef {import('../app.js').Handler} Handler */

/** @param {unknown} value @returns {number | undefined} */
const limitOf = (value) => value === undefined || value === null ? undefined : Number(value)

/** @param {import('../app.js').App} app @param {Parameters<Handler>[1]} call @param {unknown} messages */
function refuseMessages ({ config }, { res }, messages) {
  if (config.isOld) sendText(res, 500, 'Internal Server Error')
  else sendError(res, 400, 'BadRequestError', `'${typeof messages}' object is not iterable`)
}

/** @type {Handler} */
function onChat (app, call) {
  const body = jsonBody(call)
  if (body === undefined) return
  if (body.messages === undefined) return sendMissing(call, 'messages')
  if (!Array.isArray(body.messages)) return refuseMessages(app, call, body.messages)
  const limit = limitOf(body.max_completion_tokens ?? body.max_tokens)
  generate(app, call, { body, prompt: lastUserText(body.messages), allText: allText(body.messages), limit, prefix: 'chatcmpl' }, chat)
}

/** @type {Handler} */
function onCompletion (app, call) {
  const body = jsonBody(call)
  if (body === undefined) return
  if (body.prompt === undefined) return sendMissing(call, 'prompt')
  generate(app, call, { body, prompt: contentText(body.prompt), limit: limitOf(body.max_tokens), prefix: 'cmpl' }, completion)
}

/** @type {Handler} */
function onResponses (app, call) {
  const body = jsonBody(call)
  if (body === undefined) return
  if (body.input === undefined) return sendMissing(call, 'input')
  const prompt = Array.isArray(body.input) ? lastUserText(body.input) : contentText(body.input)
  generate(app, call, { body, prompt, limit: limitOf(body.max_output_tokens), prefix: 'resp_mock' }, responses)
}

/** @type {Handler} */
function onMessages (app, call) {
  const body = jsonBody(call)
  if (body === undefined) return
  for (const name of ['model', 'messages', 'max_tokens']) if (body[name] === undefined) return sendMissing(call, name)
  generate(app, call, { body, prompt: lastUserText(body.messages), allText: allText(body.messages), limit: limitOf(body.max_tokens), prefix: 'chatcmpl' }, app.config.isOld ? oldMessages : messages)
}

/** @type {[string, Handler][]} */
export const generateRoutes = [
  ['POST /v1/chat/completions', onChat],
  ['POST /v1/completions', onCompletion],
  ['POST /v1/responses', onResponses],
  ['POST /v1/messages', onMessages]
]
