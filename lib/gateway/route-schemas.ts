import type { FastifyInstance, FastifySchema } from 'fastify'
import { knownRoutes, streamingRoutes } from '../options/index.ts'

// What @fastify/swagger shows of our routes, if the host has it. Nothing is checked by it: a body goes to the engine as it is.

/** What each route is for, and the field of the body that it is about. */
const about: Record<string, readonly [summary: string, field?: string, type?: string]> = {
  '/v1/chat/completions': ['Answer a conversation', 'messages', 'array'],
  '/v1/chat/completions/render': ['The prompt that a conversation becomes', 'messages', 'array'],
  '/v1/completions': ['Go on with a text', 'prompt'],
  '/v1/completions/render': ['The prompt that a text becomes', 'prompt'],
  '/v1/responses': ['Answer, as OpenAI\'s Responses API does', 'input'],
  '/v1/messages': ['Answer a conversation, as Anthropic\'s Messages API does', 'messages', 'array'],
  '/v1/messages/count_tokens': ['Count the tokens of a conversation', 'messages', 'array'],
  '/v1/embeddings': ['Embed texts', 'input'],
  '/v2/embed': ['Embed texts, as Cohere\'s API does', 'texts', 'array'],
  '/v1/score': ['How alike texts are'],
  '/score': ['How alike texts are'],
  '/v1/rerank': ['Sort documents by how well they answer a query', 'documents', 'array'],
  '/v2/rerank': ['Sort documents by how well they answer a query', 'documents', 'array'],
  '/rerank': ['Sort documents by how well they answer a query', 'documents', 'array'],
  '/pooling': ['What a pooling model makes of a text', 'input'],
  '/classify': ['Put texts into classes', 'input'],
  '/tokenize': ['The tokens of a text or a conversation', 'prompt'],
  '/detokenize': ['The text of tokens', 'tokens', 'array'],
  '/v1/audio/transcriptions': ['Write down what is said in a recording', 'file'],
  '/v1/audio/translations': ['Write down in English what is said in a recording', 'file']
}

const tags = ['models']

// Of what is answered otherwise nothing is said here: with a schema for it Fastify would no longer write errors of the host's hooks as it does.
const errors = 'Errors of this gateway are `{ "error": { "message", "type", "param", "code" } }`.'

const answer = (description: string) => ({ description, type: 'object', additionalProperties: true })

export const modelsSchema: FastifySchema = Object.assign({ summary: 'The models, awake or not', tags }, { response: { 200: answer('The models by all their names') } })

export const modelSchema: FastifySchema = Object.assign({ summary: 'One model', tags }, {
  params: { type: 'object', properties: { '*': { type: 'string', description: 'Its name, which may have slashes' } } },
  response: { 200: answer('The model') }
})

function relayedSchema (path: string, body: 'json' | 'multipart'): FastifySchema {
  const [summary, field, type] = about[path]!
  const properties = {
    model: { type: 'string', description: 'A name in GET /v1/models' },
    ...(field !== undefined && { [field]: body === 'multipart' ? { type: 'string', format: 'binary' } : type === undefined ? {} : { type, ...(type === 'array' && { items: {} }) } }),
    ...(streamingRoutes.has(path) && { stream: { type: 'boolean', description: 'Answer with server-sent events as it is generated' } })
  }
  const description = `Waits until the model is awake. What else may be in the body, and what is in the answer, is the engine's to say. ${errors}`
  return Object.assign({ summary, description, tags, consumes: [body === 'json' ? 'application/json' : 'multipart/form-data'] }, {
    body: { type: 'object', properties, additionalProperties: true },
    response: { 200: answer('The engine\'s answer') }
  })
}

const schemas = new Map(knownRoutes.map(({ path, body }) => [path, relayedSchema(path, body)]))

/** Describes the routes of the scope, which itself neither checks nor changes anything by it. */
export function describeRoutes (scope: FastifyInstance): void {
  scope.setValidatorCompiler(() => () => true)
  scope.setSerializerCompiler(() => data => JSON.stringify(data))
  scope.addHook('onRoute', route => {
    const schema = schemas.get(route.url.slice(scope.prefix.length))
    if (schema !== undefined && [route.method].flat().includes('POST')) route.schema = schema
  })
}
