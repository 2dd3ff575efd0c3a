import { generate } from '../generation.js'
import { jsonBody, sendMissing } from './json-body.js'
import { contentText } from './prompts.js'

/** @typedef {import('../app.js').Handler} Handler */
/** @typedef {import('../job.js').Generation} Generation */

/** @param {unknown} input @returns {unknown[]} */
const listOf = (input) => Array.isArray(input) ? input : [input]

/** The same text has the same vector, another text another one. @param {string} text @param {number} size */
function vector (text, size) {
  let seed = 7
  for (const letter of text) seed = (seed * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003
  return Array.from({ length: size }, (_, index) => Math.round(Math.sin(seed + index) * 1e6) / 1e6)
}

/** OpenAI's clients ask for base64: the bytes of 32-bit floats. @param {number[]} numbers @param {unknown} format */
const encode = (numbers, format) => format === 'base64' ? Buffer.from(Float32Array.from(numbers).buffer).toString('base64') : numbers

/** @param {unknown} one @param {unknown} other */
const score = (one, other) => Math.abs(vector(`${contentText(one)}\n${contentText(other)}`, 1)[0] ?? 0)

/** @param {Generation} g */
const usage = (g) => ({ prompt_tokens: g.promptTokens, total_tokens: g.promptTokens, completion_tokens: 0 })

/** @param {Generation} g @param {string} object */
const head = (g, object) => ({ id: g.id, object, created: g.created, model: g.model })

/** @typedef {(g: Generation, size: number) => unknown} Shape */

/** @type {Shape} */
const embeddings = (g, size) => ({
  ...head(g, 'list'),
  data: listOf(g.body.input ?? g.body.messages).map((input, index) => ({ index, object: 'embedding', embedding: encode(vector(contentText(input), g.body.dimensions ?? size), g.body.encoding_format) })),
  usage: usage(g)
})

/** @type {Shape} */
const embedV2 = (g, size) => ({
  id: g.id, embeddings: { float: listOf(g.body.texts ?? g.body.inputs).map((text) => vector(contentText(text), size)) }, texts: g.body.texts ?? null, meta: { billed_units: { input_tokens: g.promptTokens } }
})

/** @type {Shape} */
const pooling = (g, size) => ({
  ...head(g, 'list'), data: listOf(g.body.input).map((input, index) => ({ index, object: 'pooling', data: vector(contentText(input), size) })), usage: usage(g)
})

/** @type {Shape} */
const classify = (g) => ({
  ...head(g, 'list'),
  data: listOf(g.body.input).map((input, index) => {
    const yes = score('', input)
    return { index, label: yes > 0.5 ? 'LABEL_1' : 'LABEL_0', probs: [1 - yes, yes], num_classes: 2 }
  }),
  usage: usage(g)
})

/** @type {Shape} */
const scores = (g) => {
  const queries = listOf(g.body.text_1 ?? g.body.queries)
  return { ...head(g, 'list'), data: listOf(g.body.text_2 ?? g.body.documents).map((text, index) => ({ index, object: 'score', score: score(queries[index] ?? queries[0], text) })), usage: usage(g) }
}

/** @type {Shape} */
const rerank = (g) => ({
  id: g.id,
  model: g.model,
  usage: { total_tokens: g.promptTokens, prompt_tokens: g.promptTokens },
  results: listOf(g.body.documents)
    .map((text, index) => ({ index, document: { text: contentText(text) }, relevance_score: score(g.body.query, text) }))
    .sort((one, other) => other.relevance_score - one.relevance_score)
    .slice(0, g.body.top_n ?? undefined)
})

/** @param {Shape} shape @param {string} prefix @param {string[]} inputs names of which one must be there @returns {Handler} */
function route (shape, prefix, inputs) {
  return (app, call) => {
    const body = jsonBody(call)
    if (body === undefined) return
    const name = inputs.find((input) => body[input] !== undefined)
    if (name === undefined) return sendMissing(call, inputs[0] ?? '')
    const dialect = { whole: (/** @type {Generation} */ g) => shape(g, app.config.embeddingSize), open: none, tokens: none, close: none }
    generate(app, call, { body: { ...body, stream: false, n: 1 }, prompt: contentText(body[name]), limit: 1, prefix }, dialect)
  }
}

const none = () => ''

/** @type {[string, Handler][]} */
export const poolingRoutes = [
  ['POST /v1/embeddings', route(embeddings, 'embd', ['input', 'messages'])],
  ['POST /v2/embed', route(embedV2, 'embd', ['texts', 'inputs'])],
  ['POST /pooling', route(pooling, 'pool', ['input', 'messages'])],
  ['POST /classify', route(classify, 'classify', ['input', 'messages'])],
  ...['/v1/score', '/score'].map((path) => /** @type {[string, Handler]} */ ([`POST ${path}`, route(scores, 'score', ['text_1', 'queries'])])),
  ...['/v1/rerank', '/v2/rerank', '/rerank'].map((path) => /** @type {[string, Handler]} */ ([`POST ${path}`, route(rerank, 'rerank', ['query'])]))
]
