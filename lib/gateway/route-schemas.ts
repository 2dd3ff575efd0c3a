import type { FastifyInstance, FastifySchema } from 'fastify'
import { knownRoutes, streamingRoutes, type Route } from '../options/index.ts'

// What @fastify/swagger shows of the routes, if your server registers it. It checks nothing: a body reaches the engine as it is.

/** Fields whose type the engines agree on. */
const arrays = new Set(['messages', 'texts', 'documents', 'tokens'])

const tags = ['models']

// No schemas for other statuses: with them Fastify would serialize errors of your hooks differently.
const errors = 'Errors of this gateway are `{ "error": { "message", "type", "param", "code" } }`.'

const answer = (description: string) => ({ description, type: 'object', additionalProperties: true })

export const modelsSchema: FastifySchema = Object.assign({ summary: 'The models, awake or not', tags }, { response: { 200: answer('The models by all their names') } })

export const modelSchema: FastifySchema = Object.assign({ summary: 'One model', tags }, {
  params: { type: 'object', properties: { '*': { type: 'string', description: 'Its name, which may have slashes' } } },
  response: { 200: answer('The model') }
})

function relayedSchema ({ path, body, summary, field }: Route): FastifySchema {
  const type = body === 'multipart' ? { type: 'string', format: 'binary' } : arrays.has(field ?? '') ? { type: 'array', items: {} } : {}
  const properties = {
    model: { type: 'string', description: 'A name in GET /v1/models' },
    ...(field !== undefined && { [field]: type }),
    ...(streamingRoutes.has(path) && { stream: { type: 'boolean', description: 'Answer with server-sent events as it is generated' } })
  }
  const description = `Waits until the model is awake. The engine defines the rest of the body, and the answer. ${errors}`
  return Object.assign({ summary, description, tags, consumes: [body === 'json' ? 'application/json' : 'multipart/form-data'] }, {
    body: { type: 'object', properties, additionalProperties: true },
    response: { 200: answer('The engine\'s answer') }
  })
}

const schemas = new Map(knownRoutes.map(route => [route.path, relayedSchema(route)]))

/** Describes the routes of the scope. The compilers keep Fastify from checking or changing anything by these schemas. */
export function describeRoutes (scope: FastifyInstance): void {
  scope.setValidatorCompiler(() => () => true)
  scope.setSerializerCompiler(() => data => JSON.stringify(data))
  scope.addHook('onRoute', route => {
    const schema = schemas.get(route.url.slice(scope.prefix.length))
    if (schema !== undefined && [route.method].flat().includes('POST')) route.schema = schema
  })
}
