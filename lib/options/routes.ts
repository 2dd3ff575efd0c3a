/** A route of the engine that carries a model. All of them are POST. The list becomes a table of docs/reference/api.md: `npm run readme`. */
export interface Route {
  readonly path: string
  /** Where the model is: a JSON body's `model`, or a form field of that name. */
  readonly body: 'json' | 'multipart'
  /** What the route is for. */
  readonly summary: string
  /** The field of the body that the route works on. */
  readonly field?: string
}

const json = (path: string, summary: string, field?: string): Route => Object.freeze({ path, body: 'json', summary, ...(field !== undefined && { field }) })
const multipart = (path: string, summary: string, field: string): Route => Object.freeze({ path, body: 'multipart', summary, field })

/** Routes that answer with an event stream if the body says `"stream": true`. */
export const streamingRoutes: ReadonlySet<string> = new Set(['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages'])

/** Every vLLM route that carries a model. Other routes, control endpoints above all, are never offered. */
export const knownRoutes: readonly Route[] = Object.freeze([
  json('/v1/chat/completions', 'Answer a conversation', 'messages'),
  json('/v1/chat/completions/render', 'Show the prompt that a conversation becomes', 'messages'),
  json('/v1/chat/completions/batch', 'Answer several conversations', 'messages'),
  json('/v1/chat/completions/derender', 'Turn generated tokens into an answer'),
  json('/v1/completions', 'Continue a text', 'prompt'),
  json('/v1/completions/render', 'Show the prompt that a text becomes', 'prompt'),
  json('/v1/completions/derender', 'Turn generated tokens into texts'),
  json('/v1/responses', 'Answer, as OpenAI\'s Responses API does', 'input'),
  json('/v1/responses/render', 'Show the prompt that an input becomes', 'input'),
  json('/v1/messages', 'Answer a conversation, as Anthropic\'s Messages API does', 'messages'),
  json('/v1/messages/count_tokens', 'Count the tokens of a conversation', 'messages'),
  json('/v1/messages/render', 'Show the prompt that a conversation becomes', 'messages'),
  json('/cohere/v2/chat', 'Answer a conversation, as Cohere\'s API does', 'messages'),
  json('/v1/systemone', 'Decide between given answers'),
  json('/inference/v1/generate', 'Generate tokens from tokens', 'token_ids'),
  json('/generative_scoring', 'Score items by the probability of given tokens', 'items'),
  json('/v1/embeddings', 'Embed texts', 'input'),
  json('/v2/embed', 'Embed texts, as Cohere\'s API does', 'texts'),
  json('/v1/score', 'Score how similar texts are'),
  json('/score', 'Score how similar texts are'),
  json('/v1/rerank', 'Sort documents by relevance to a query', 'documents'),
  json('/v2/rerank', 'Sort documents by relevance to a query', 'documents'),
  json('/rerank', 'Sort documents by relevance to a query', 'documents'),
  json('/pooling', 'Return a pooling model\'s output for a text', 'input'),
  json('/classify', 'Classify texts', 'input'),
  json('/tokenize', 'Tokenize a text or a conversation', 'prompt'),
  json('/detokenize', 'Turn tokens into text', 'tokens'),
  multipart('/v1/audio/transcriptions', 'Transcribe a recording', 'file'),
  multipart('/v1/audio/translations', 'Transcribe a recording in English', 'file')
])
