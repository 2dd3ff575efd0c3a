/** One of the engine's routes that carry a model. All of them are POST. */
export interface Route {
  readonly path: string
  /** Where the model is: a JSON body's `model`, or a form field of that name. */
  readonly body: 'json' | 'multipart'
}

const json = (path: string): Route => Object.freeze({ path, body: 'json' })
const multipart = (path: string): Route => Object.freeze({ path, body: 'multipart' })

/** Those whose answer is an event stream if the body says `"stream": true`. */
export const streamingRoutes: ReadonlySet<string> = new Set(['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages'])

/** Every route of vLLM's that carries a model. What is not here, control endpoints above all, is never offered. */
export const knownRoutes: readonly Route[] = Object.freeze([
  json('/v1/chat/completions'),
  json('/v1/chat/completions/render'),
  json('/v1/completions'),
  json('/v1/completions/render'),
  json('/v1/responses'),
  json('/v1/messages'),
  json('/v1/messages/count_tokens'),
  json('/v1/embeddings'),
  json('/v2/embed'),
  json('/v1/score'),
  json('/score'),
  json('/v1/rerank'),
  json('/v2/rerank'),
  json('/rerank'),
  json('/pooling'),
  json('/classify'),
  json('/tokenize'),
  json('/detokenize'),
  multipart('/v1/audio/transcriptions'),
  multipart('/v1/audio/translations')
])
