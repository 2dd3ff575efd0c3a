import type { FastifySchema } from 'fastify'

// What the admin routes accept and answer. A strict Ajv checks it, @fastify/swagger shows it, and `npm run readme` makes the
// table of docs/admin.md from it.

const object = (properties: Record<string, object>, required: string[] = []) => ({ type: 'object', properties, required, additionalProperties: false })
const answer = (description: string) => ({ description, type: 'object', additionalProperties: true })
const error = {
  ...answer('Refused'),
  properties: { error: { type: 'object', properties: { message: { type: 'string' }, type: { type: 'string' }, param: {}, code: { type: 'string' } } } }
}
const text = (description: string, type: string) => ({ description, content: { [type]: { schema: { type: 'string' } } } })
const refusals = { '4xx': error, '5xx': error }
/** Routes that need no body accept an empty object. */
const nothing = { ...object({}), type: ['object', 'null'] }
const wait = { type: 'string', enum: ['true', 'false'], description: 'Answer when the operation is over, not at once' }
const route = (summary: string, more: FastifySchema & { description?: string }): FastifySchema => Object.assign({ summary, tags: ['llmux'] }, more)

export const statusSchema = route('The result of `fastify.llmux.status()`', { querystring: object({}), response: { 200: answer('Status'), ...refusals } })

export const eventsSchema = route('Every change of state, as server-sent events', {
  description: 'If events are missing, because they are no longer kept or belong to an earlier process, an event `gap` says so. A reader that falls 1 MiB behind is disconnected and may reconnect. A comment every 15 s keeps idle connections open.',
  querystring: object({ names: { type: 'string', pattern: '^[a-z]+(,[a-z]+)*$', description: 'Only these events, separated by commas' } }),
  headers: { type: 'object', properties: { 'last-event-id': { type: 'string', description: 'Continue after this event' } } },
  response: { 200: text('Events', 'text/event-stream'), ...refusals }
})

export const logsSchema = route('The last lines of the engine\'s output, as text', {
  description: 'At most 100 endless responses, `GET events` included; further ones get 429 `LLMUX_ERR_ADMIN_LIMIT`.',
  params: object({ '*': { type: 'string', pattern: '^.+/logs$', description: 'NAME/logs; the name may have slashes' } }, ['*']),
  querystring: object({
    lines: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$', description: 'How many, 1 to 1 000; default 100' },
    follow: { type: 'string', enum: ['true', 'false'], description: 'Continue with new lines' }
  }),
  response: { 200: text('Lines', 'text/plain'), ...refusals }
})

export const actionSchema = route('An order for one model', {
  description: '`switch` starts or wakes it and evicts what is in its way. `sleep` drains it and puts it to sleep. `stop` drains it and stops its processes; `restart` also starts it again. `disable` refuses its requests with 503 `LLMUX_ERR_MODEL_DISABLED`, waiting and frozen ones included; requests in flight finish, and nothing wakes it. `enable` accepts its requests again. `disable` and `enable` answer with the status.',
  params: object({ '*': { type: 'string', pattern: '^.+/(switch|sleep|stop|restart|disable|enable)$', description: 'NAME/(switch|sleep|stop|restart|disable|enable); the name may have slashes' } }, ['*']),
  querystring: object({ wait }),
  body: { ...object({ level: { type: 'integer', enum: [1, 2, 3], description: 'For `sleep`: another level than the model\'s own' } }), type: ['object', 'null'] },
  response: { 200: answer('Done'), 202: answer('Begun: look at operations/ID'), ...refusals }
})

export const operationSchema = route('The state of an operation: `running`, `done` or `failed`, and why', {
  description: 'The gateway keeps the last 100 finished ones; 100 may run at once.',
  params: object({ id: { type: 'string' } }, ['id']),
  querystring: object({}),
  response: { 200: answer('Operation'), ...refusals }
})

export const pinSchema = route('Pin a model: the policy never leaves it once it is awake', { querystring: object({}), body: object({ model: { type: 'string' } }, ['model']), response: { 200: answer('Status'), ...refusals } })

export const drainSchema = route('Take the gateway out of service', {
  description: 'Refuses new requests with 503 `LLMUX_ERR_DRAINING`, serves those accepted, then puts all models to sleep.',
  querystring: object({ wait }),
  body: nothing,
  response: { 200: answer('Done'), 202: answer('Begun: look at operations/ID'), ...refusals }
})

export const withdrawSchema = route('Take waiting requests back, for an edge of `fastify-llmux/fleet`', {
  description: 'They are refused with 409 `LLMUX_ERR_WITHDRAWN`. The answer, `withdrawn`, names the requests that still waited.',
  querystring: object({}),
  body: object({
    requests: { type: 'array', items: { type: 'string', maxLength: 100 }, maxItems: 1_000, description: 'The values of their header `x-llmux-request`' },
    most: { type: 'integer', minimum: 1, description: 'How many of them, at most' }
  }, ['requests', 'most']),
  response: { 200: answer('Names'), ...refusals }
})

export const stateSchema = route('The whole state, for an edge of `fastify-llmux/fleet`, as server-sent events', {
  description: 'At each change, and every second.',
  querystring: object({}),
  headers: { type: 'object', properties: { 'last-event-id': { type: 'string', description: 'The last event that the edge knows' } } },
  response: { 200: text('Events', 'text/event-stream'), ...refusals }
})

export const pauseSchema = route('Pause switching, or traffic as well', {
  querystring: object({}), body: object({ what: { type: 'string', enum: ['switching', 'traffic'] } }, ['what']), response: { 200: answer('Status'), ...refusals }
})

export const plainSchema = (summary: string) => route(summary, { querystring: object({}), body: nothing, response: { 200: answer('Status'), ...refusals } })

export const requestsSchema = route('Waiting requests, requests in flight, and what the policy would do now', {
  description: 'Waiting requests have position, estimate, priority and start; requests in flight have start and last byte. `next` is what the policy would do, and `lookAgainAt` when the switcher asks it again.',
  querystring: object({ most: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$', description: 'How many of each model, 1 to 1 000; default 100' } }),
  response: { 200: answer('Requests'), ...refusals }
})

export const cutSchema = route('End a request that waits or is in flight', {
  description: 'Its client gets 503 `LLMUX_ERR_REQUEST_CUT`, or a broken stream.',
  params: object({ id: { type: 'string', pattern: '^\\d{1,15}$', description: 'Its `id` in `GET requests`' } }, ['id']),
  querystring: object({}),
  body: nothing,
  response: { 200: answer('It is ended'), ...refusals }
})

export const historySchema = route('The past, for a viewer that has just opened', {
  description: 'The last 1 000 changes of engines and of switches, request counts (every 2 s during traffic, for the last hour), and the last 200 responses.',
  querystring: object({ since: { type: 'string', pattern: '^\\d{1,15}$', description: 'Milliseconds since the epoch' } }),
  response: { 200: answer('History'), ...refusals }
})

export const overviewSchema = route('What the page shows: status, requests, host memory by model, and the processes that hold GPU memory', {
  description: 'One answer, at most 250 ms old, however many clients ask. The gateway reads GPU memory every 5 s while a client asks.',
  querystring: object({}),
  response: { 200: answer('Overview'), ...refusals }
})

export const arrivalsSchema = route('The last 20 000 served requests, as the CSV that `simulate` reads', {
  description: 'Arrival, model, time in the engine, sizes.',
  querystring: object({}),
  response: { 200: text('CSV', 'text/csv'), ...refusals }
})

export const chatSchema = route('Try a model: waits as any request, and streams the answer', {
  description: 'The first event, `request`, has the request\'s id.',
  querystring: object({}),
  body: object({
    model: { type: 'string' },
    messages: { type: 'array', items: { type: 'object' }, minItems: 1 },
    max_tokens: { type: 'integer', minimum: 1 }
  }, ['model', 'messages']),
  response: { 200: text('The number of the request, then the events of the engine', 'text/event-stream'), ...refusals }
})

export const metricsSchema = route('Metrics for Prometheus; 404 without a `registry`', { querystring: object({}), response: { 200: text('Metrics', 'text/plain'), ...refusals } })
