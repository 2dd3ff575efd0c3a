import { readText } from '../helpers/read-text.js'

/** @typedef {{ status: number, text: string, finish: string | undefined, error: string | undefined, broken: boolean, ms: number, ended: number }} Answer */

/** Temperature 0, and no end before the limit: the same question has the same answer. @param {string} model @param {string} content @param {number} tokens @param {boolean} [stream] */
export function question (model, content, tokens, stream = false) {
  return { model, messages: [{ role: 'user', content }], max_tokens: tokens, temperature: 0, ignore_eos: true, stream }
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
      if (status === 200) this.text = textOf(raw)
    })
    const ended = performance.now()
    const error = /"code":"(\w+)"/.exec(raw.slice(raw.lastIndexOf('{"error"')))?.[1]
    return { status, text: this.text, finish: /"finish_reason":"(\w+)"/.exec(raw)?.[1], error, broken, ms: ended - began, ended }
  }
}

/** What has come so far, whole events only. @param {string} raw */
function textOf (raw) {
  return raw.split('\n\n').slice(0, -1).filter(event => event.startsWith('data: {"id"'))
    .map(event => JSON.parse(event.slice('data: '.length)).choices[0]?.delta?.content ?? '').join('')
}

/** @param {import('./app.js').App} app @param {string} model @param {string} content @param {number} tokens */
export async function chat (app, model, content, tokens) {
  const began = performance.now()
  const { statusCode, body } = await app.post('/v1/chat/completions', question(model, content, tokens))
  const answer = /** @type {any} */ (await body.json())
  return { status: statusCode, text: answer.choices?.[0]?.message.content, error: answer.error?.code, ms: performance.now() - began }
}
