import { perform } from './perform.js'

// By a variable: the packages are there only after install.sh, and types are checked without them.
const [aiPackage, providerPackage] = ['ai', '@ai-sdk/openai-compatible']
const { embed, generateText, jsonSchema, NoObjectGeneratedError, Output, streamText, tool } = await import(aiPackage)
const { createOpenAICompatible } = await import(providerPackage)

/** @param {any} step @param {string} baseURL */
const providerOf = ({ key }, baseURL) => createOpenAICompatible({ name: 'llmux', baseURL, apiKey: key, supportsStructuredOutputs: true })

/** @param {any} step @param {string} url */
const question = (step, url) => ({
  model: providerOf(step, url)(step.model), prompt: step.content, maxOutputTokens: step.maxTokens, maxRetries: step.retries
})

/** @param {any} answer */
const whole = ({ text, rawFinishReason }) => ({ text, finish: rawFinishReason })

/** @param {any} step @param {string} url @param {import('./perform.js').Saw} saw @param {number} longest */
async function read (step, url, saw, longest = Infinity) {
  const leaving = new AbortController()
  // Its errors are parts of the stream; the default handler would print them.
  const { fullStream } = streamText({ ...question(step, url), abortSignal: leaving.signal, onError: () => {} })
  for await (const part of fullStream) {
    if (part.type === 'error') throw part.error
    if (part.type === 'finish-step') saw.finish = part.rawFinishReason
    if (part.type !== 'text-delta') continue
    saw.text = (saw.text ?? '') + part.text
    if (saw.text.length > longest) leaving.abort()
  }
}

await perform({
  chat: async (step, url) => whole(await generateText(question(step, url))),
  tools: async (step, url) => whole(await generateText({ ...question(step, url), tools: { weather: tool({ inputSchema: jsonSchema(step.schema) }) } })),
  structured: async (step, url) => {
    const output = Output.object({ schema: jsonSchema(step.schema), name: 'place' })
    try {
      return whole(await generateText({ ...question(step, url), output, providerOptions: { llmux: { structured_outputs: step.extra } } }))
    } catch (/** @type {any} */ error) {
      // It is no JSON, since a mock obeys no schema; it is what was sent.
      if (NoObjectGeneratedError.isInstance(error)) return { text: error.text, finish: error.finishReason }
      throw error
    }
  },
  embeddings: async (step, url) => {
    const { embedding } = await embed({ model: providerOf(step, url).embeddingModel(step.model), value: step.content, maxRetries: step.retries })
    return { length: embedding.length }
  },
  stream: (step, url, saw) => read(step, url, saw),
  cancel: (step, url, saw) => read(step, url, saw, 60)
}, error => {
  // After several tries the last error is inside.
  const { statusCode, data } = error.lastError ?? error
  return { status: statusCode ?? null, code: data?.error?.code ?? error.code ?? null }
})
