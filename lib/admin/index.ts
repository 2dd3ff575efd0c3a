import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { systemClock } from '../clock.ts'
import { AdminRequestError, NoMetricsError } from '../errors.ts'
import { eventNames } from '../events.ts'
import type { EventName } from '../events.ts'
import { llmuxOf } from '../host/registered.ts'
import { Arrivals } from './arrivals.ts'
import { controlRoutes } from './control-routes.ts'
import { Feeds } from './feeds.ts'
import { addGuard } from './guard.ts'
import { History } from './history.ts'
import { Journal } from './journal.ts'
import { modelRoutes } from './model-routes.ts'
import { Operations } from './operations.ts'
import { checkOptions } from './options.ts'
import type { AdminOptions, MetricsRegistry } from './options.ts'
import { Overview } from './overview.ts'
import { requestRoutes } from './request-routes.ts'
import { StateFeed, stateRoute } from './state-feed.ts'
import { eventsSchema, metricsSchema } from './schemas.ts'
import { beStrict } from './validation.ts'

interface Events { Headers: { 'last-event-id'?: string }, Querystring: { names?: string } }

/** Operators' routes, in a scope of their own: register them after llmux, with a `prefix`. */
async function admin (scope: FastifyInstance, options: AdminOptions): Promise<void> {
  checkOptions(options)
  const llmux = llmuxOf(scope)
  addGuard(scope, options.guard)
  beStrict(scope)
  const feeds = new Feeds(scope, systemClock)
  const history = new History(llmux.events, systemClock, () => llmux.status().models)
  scope.addHook('onClose', async () => history.close())
  const operations = new Operations(systemClock)
  controlRoutes(scope, operations)
  modelRoutes(scope, feeds, operations)
  stateRoute(scope, feeds, new StateFeed(llmux, systemClock))
  requestRoutes(scope, { overview: new Overview(llmux, systemClock), history, arrivals: new Arrivals(llmux.events) })
  eventsRoute(scope, feeds, new Journal(llmux.events, options.journal ?? 1_000))
  metricsRoute(scope, options.registry)
}

function eventsRoute (scope: FastifyInstance, feeds: Feeds, journal: Journal): void {
  scope.get<Events>('/events', { schema: eventsSchema, exposeHeadRoute: false }, ({ headers, query }, reply) => {
    const last = headers['last-event-id']
    const names = query.names === undefined ? undefined : namesIn(query.names)
    const beginning = `: open\n\n${last === undefined ? '' : journal.since(last, names)}`
    return feeds.open(reply, { type: 'text/event-stream', beginning, signOfLife: ': \n\n' }, write => journal.read(write, names))
  })
}

function namesIn (text: string): ReadonlySet<EventName> {
  const names = text.split(',') as EventName[]
  const unknown = names.find(name => !eventNames.includes(name))
  if (unknown !== undefined) throw new AdminRequestError('query names', `${unknown} is unknown: known are ${eventNames.join(', ')}`)
  return new Set(names)
}

function metricsRoute (scope: FastifyInstance, registry: MetricsRegistry | undefined): void {
  scope.get('/metrics', { schema: metricsSchema }, async (_request, reply) => {
    if (registry === undefined) throw new NoMetricsError()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

/**
 * Operators' routes, in a scope of their own. Register them after llmux, with a `prefix` and a `guard`, which decides who
 * may use them.
 */
const plugin = fp(admin, { fastify: '5.x', name: 'fastify-llmux-admin', encapsulate: true })

export default plugin

export { admin }
export type { AdminOptions, Guard, MetricsRegistry } from './options.ts'
export type { Operation } from './operations.ts'
