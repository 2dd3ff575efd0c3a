import type { FastifySchema } from 'fastify'

// What the admin routes take and answer: checked by an Ajv of our own, and read by @fastify/swagger if the host has it.

const object = (properties: Record<string, object>, required: string[] = []) => ({ type: 'object', properties, required, additionalProperties: false })
const answer = (description: string) => ({ description, type: 'object', additionalProperties: true })
const error = {
  ...answer('Refused'),
  properties: { error: { type: 'object', properties: { message: { type: 'string' }, type: { type: 'string' }, param: {}, code: { type: 'string' } } } }
}
const text = (description: string, type: string) => ({ description, content: { [type]: { schema: { type: 'string' } } } })
const refusals = { '4xx': error, '5xx': error }
/** Where nothing is to be sent, an empty object may be. */
const nothing = { ...object({}), type: ['object', 'null'] }
const wait = { type: 'string', enum: ['true', 'false'], description: 'Answer when it is done rather than at once' }
const route = (summary: string, more: FastifySchema): FastifySchema => Object.assign({ summary, tags: ['llmux'] }, more)

export const statusSchema = route('Who is awake, who waits, what is being done and why', { querystring: object({}), response: { 200: answer('Status'), ...refusals } })

export const eventsSchema = route('Every change of state, as server-sent events', {
  querystring: object({ names: { type: 'string', pattern: '^[a-z]+(,[a-z]+)*$', description: 'Only these, separated by commas' } }),
  headers: { type: 'object', properties: { 'last-event-id': { type: 'string', description: 'Begin after this one' } } },
  response: { 200: text('Events', 'text/event-stream'), ...refusals }
})

export const logsSchema = route('What the engine of a model wrote last: models/NAME/logs', {
  params: object({ '*': { type: 'string', pattern: '^.+/logs$', description: 'NAME/logs; the name may have slashes' } }, ['*']),
  querystring: object({
    lines: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$', description: 'How many, 1 to 1000; 100 by default' },
    follow: { type: 'string', enum: ['true', 'false'], description: 'Go on with what it writes from now on' }
  }),
  response: { 200: text('Lines', 'text/plain'), ...refusals }
})

export const actionSchema = route('Switch to a model, put it to sleep, stop, restart, disable or enable it: models/NAME/ACTION', {
  params: object({ '*': { type: 'string', pattern: '^.+/(switch|sleep|stop|restart|disable|enable)$', description: 'NAME/switch, NAME/sleep, NAME/stop, NAME/restart, NAME/disable or NAME/enable; the name may have slashes' } }, ['*']),
  querystring: object({ wait }),
  body: { ...object({ level: { type: 'integer', enum: [1, 2, 3], description: 'For sleep: not at its own level' } }), type: ['object', 'null'] },
  response: { 200: answer('Done'), 202: answer('Begun: look at operations/ID'), ...refusals }
})

export const operationSchema = route('What has come of something that was asked for', {
  params: object({ id: { type: 'string' } }, ['id']), querystring: object({}), response: { 200: answer('Operation'), ...refusals }
})

export const pinSchema = route('Stay with a model', { querystring: object({}), body: object({ model: { type: 'string' } }, ['model']), response: { 200: answer('Status'), ...refusals } })

export const drainSchema = route('Take the gateway out of service: refuse new requests, serve those accepted, then put all models to sleep', {
  querystring: object({ wait }), body: nothing, response: { 200: answer('Done'), 202: answer('Begun: look at operations/ID'), ...refusals }
})

export const stateSchema = route('What an edge in front of several gateways goes by, as server-sent events: all of it, at each change and every second', {
  querystring: object({}),
  headers: { type: 'object', properties: { 'last-event-id': { type: 'string', description: 'The last one that is known' } } },
  response: { 200: text('Events', 'text/event-stream'), ...refusals }
})

export const pauseSchema = route('No switching but by hand, or no traffic either', {
  querystring: object({}), body: object({ what: { type: 'string', enum: ['switching', 'traffic'] } }, ['what']), response: { 200: answer('Status'), ...refusals }
})

export const plainSchema = (summary: string) => route(summary, { querystring: object({}), body: nothing, response: { 200: answer('Status'), ...refusals } })

export const requestsSchema = route('Who waits and who is in flight, and what the policy would do next', {
  querystring: object({ most: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$', description: 'How many of each model, 1 to 1000; 100 by default' } }),
  response: { 200: answer('Requests'), ...refusals }
})

export const cutSchema = route('End a request that waits or is in flight', {
  params: object({ id: { type: 'string', pattern: '^\\d{1,15}$', description: 'Its number in GET requests' } }, ['id']),
  querystring: object({}),
  body: nothing,
  response: { 200: answer('It is ended'), ...refusals }
})

export const historySchema = route('What has happened: changes of engines, switches, counts of requests, and the last answers', {
  querystring: object({ since: { type: 'string', pattern: '^\\d{1,15}$', description: 'Milliseconds since the epoch' } }),
  response: { 200: answer('History'), ...refusals }
})

export const overviewSchema = route('Status, requests and host memory in one answer, at most 250 ms old: what a page shows', {
  querystring: object({}), response: { 200: answer('Overview'), ...refusals }
})

export const arrivalsSchema = route('The requests that were served: when each came, for which model, how long its engine took', {
  querystring: object({}), response: { 200: text('As CSV, the last 20 000', 'text/csv'), ...refusals }
})

export const chatSchema = route('Try a model: waits as any request, and streams the answer', {
  querystring: object({}),
  body: object({
    model: { type: 'string' },
    messages: { type: 'array', items: { type: 'object' }, minItems: 1 },
    max_tokens: { type: 'integer', minimum: 1 }
  }, ['model', 'messages']),
  response: { 200: text('The number of the request, then the events of the engine', 'text/event-stream'), ...refusals }
})

export const metricsSchema = route('Metrics for Prometheus', { querystring: object({}), response: { 200: text('Metrics', 'text/plain'), ...refusals } })
