import OpenAI from 'openai'
import { perform } from './perform.js'

/** @param {any} step @param {string} baseURL */
const clientOf = ({ key, retries }, baseURL) => new OpenAI({ baseURL, apiKey: key, maxRetries: retries })

/** @param {any} step */
const question = ({ model, maxTokens, content }) => ({ model, max_tokens: maxTokens, temperature: 0, messages: [{ role: /** @type {const} */ ('user'), content }] })

/** @param {any} answer */
const whole = ({ choices: [choice] }) => ({ text: choice.message.content, finish: choice.finish_reason })

await perform({
  chat: async (step, url) => whole(await clientOf(step, url).chat.completions.create(question(step))),
  tools: async (step, url) => whole(await clientOf(step, url).chat.completions.create({
    ...question(step), tools: [{ type: 'function', function: { name: 'weather', parameters: step.schema } }], tool_choice: 'auto'
  })),
  structured: async (step, url) => whole(await clientOf(step, url).chat.completions.create(/** @type {any} */ ({
    ...question(step), response_format: { type: 'json_schema', json_schema: { name: 'place', schema: step.schema } }, structured_outputs: step.extra
  }))),
  embeddings: async (step, url) => {
    const { data: [first] } = await clientOf(step, url).embeddings.create({ model: step.model, input: step.content })
    return { length: first?.embedding.length }
  },
  stream: async (step, url, saw) => {
    for await (const { choices: [choice] } of await clientOf(step, url).chat.completions.create({ ...question(step), stream: true })) {
      saw.text = (saw.text ?? '') + (choice?.delta.content ?? '')
      saw.finish = choice?.finish_reason ?? saw.finish
    }
  },
  cancel: async (step, url, saw) => {
    for await (const { choices: [choice] } of await clientOf(step, url).chat.completions.create({ ...question(step), stream: true })) {
      saw.text = (saw.text ?? '') + (choice?.delta.content ?? '')
      if (saw.text.length > 60) break
    }
  }
}, error => ({ status: error.status ?? null, code: error.code ?? null }))
