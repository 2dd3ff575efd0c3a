import { readText } from '../helpers/read-text.js'
import { tokensOf } from './verdict.js'

/** @typedef {{ status: number, text: string, tokens: import('./verdict.js').Token[], finish: string | undefined, error: string | undefined, broken: boolean, ms: number, ended: number }} Answer */

/** Temperature 0, and no end before the limit: the same question has the same answer, but for tokens that are nearly tied. @param {string} model @param {string} content @param {number} tokens @param {boolean} [stream] */
export function question (model, content, tokens, stream = false) {
  return { model, messages: [{ role: 'user', content }], max_tokens: tokens, temperature: 0, ignore_eos: true, logprobs: true, top_logprobs: 2, return_tokens_as_token_ids: true, stream }
}

/** A stream as its client sees it; `text` grows as it comes. */
export class Stream {
  text = ''
  /** @type {Promise<Answer>} */
  answer

  /** @param {import('./app.js').App} app @param {string} model @param {string} content @param {number} tokens */
  constructor (app, model, content, tokens) {
    this.answer = this.#read(app, question(model, content, tokens, true))
  }

  /** @param {import('./app.js').App} app @param {object} body @returns {Promise<Answer>} */
  async #read (app, body) {
    const began = performance.now()
    const { statusCode: status, body: bytes } = await app.post('/v1/chat/completions', body)
    let raw = ''
    // How Node words it is of no interest.
    const broken = undefined !== await readText(bytes, more => {
      raw += more
      if (status === 200) this.text = choicesOf(raw).map(choice => choice?.delta?.content ?? '').join('')
    })
    const ended = performance.now()
    const error = /"code":"(\w+)"/.exec(raw.slice(raw.lastIndexOf('{"error"')))?.[1]
    return { status, text: this.text, tokens: choicesOf(raw).flatMap(tokensOf), finish: /"finish_reason":"(\w+)"/.exec(raw)?.[1], error, broken, ms: ended - began, ended }
  }
}

/** What has come so far, whole events only. @param {string} raw */
function choicesOf (raw) {
  return raw.split('\n\n').slice(0, -1).filter(event => event.startsWith('data: {"id"'))
    .map(event => JSON.parse(event.slice('data: '.length)).choices[0])
}

/** @param {import('./app.js').App} app @param {string} model @param {string} content @param {number} tokens */
export async function chat (app, model, content, tokens) {
  const began = performance.now()
  const { statusCode, body } = await app.post('/v1/chat/completions', question(model, content, tokens))
  const answer = /** @type {any} */ (await body.json())
  return { status: statusCode, text: answer.choices?.[0]?.message.content, tokens: tokensOf(answer.choices?.[0]), error: answer.error?.code, ms: performance.now() - began }
}
