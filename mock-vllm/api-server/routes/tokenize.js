import { countTokens } from '../answer-text.js'
import { checkModel } from '../generation.js'
import { sendError, sendJson } from '../http-answers.js'
import { jsonBody } from './json-body.js'
import { allText, contentText } from './prompts.js'

/** @typedef {import('../app.js').Handler} Handler */

/** @param {any} body */
const textOf = (body) => Array.isArray(body.messages) ? allText(body.messages) : contentText(body.prompt)

/** What needs no engine, and so answers while it sleeps. @param {(body: any, app: import('../app.js').App) => unknown} answer @returns {Handler} */
function withoutEngine (answer) {
  return (app, call) => {
    const body = jsonBody(call)
    if (body === undefined || !checkModel(app, call, body)) return
    sendJson(call.res, 200, answer(body, app))
  }
}

const tokenize = withoutEngine((body, { config }) => {
  const tokens = [...Buffer.from(textOf(body))]
  return { count: tokens.length, max_model_len: config.maxLength, tokens, token_strs: null }
})

const detokenize = withoutEngine((body) => ({ prompt: Buffer.from(body.tokens ?? []).toString() }))

const countMessages = withoutEngine((body) => {
  const tokens = countTokens(textOf(body))
  return { input_tokens: tokens, context_management: { original_input_tokens: tokens } }
})

const render = withoutEngine((body) => ({ prompt: textOf(body), token_ids: [...Buffer.from(textOf(body))] }))

/** @type {Handler} */
const renderWhereAllowed = (app, call) => app.config.scaleOut || app.config.task === 'any'
  ? render(app, call)
  : sendError(call.res, 403, 'PermissionDeniedError', 'Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to enable them.')

/** @type {[string, Handler][]} */
export const tokenizeRoutes = [
  ['POST /tokenize', tokenize],
  ['POST /detokenize', detokenize],
  ['POST /v1/messages/count_tokens', countMessages],
  ['POST /v1/chat/completions/render', renderWhereAllowed],
  ['POST /v1/completions/render', renderWhereAllowed]
]
