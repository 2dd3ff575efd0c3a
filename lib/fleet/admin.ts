import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify'
import fp from 'fastify-plugin'
import { Feeds } from '../admin/feeds.ts'
import { addGuard } from '../admin/guard.ts'
import { Journal } from '../admin/journal.ts'
import { checkOptions } from '../admin/options.ts'
import type { AdminOptions } from '../admin/options.ts'
import { beStrict } from '../admin/validation.ts'
import { systemClock } from '../clock.ts'
import { AdminRequestError } from '../errors.ts'
import type { Call } from './nodes/calls.ts'
import type { Node } from './nodes/node.ts'

interface Order { Params: { '*': string }, Querystring: { wait?: string }, Body: object | null | undefined }

const schema = (summary: string, more: FastifySchema = {}): FastifySchema => Object.assign({ summary, tags: ['llmux'] }, more)
const orderSchema: FastifySchema = Object.assign(schema('nodes/HOST:PORT/drain: the node takes no new requests, serves those it has, and puts its models to sleep. …/undrain: it takes requests again. …/models/NAME/ACTION, with switch, sleep, stop, restart, disable or enable: on that node'), {
  params: { type: 'object', properties: { '*': { type: 'string', pattern: '^[^/]+/(drain|undrain|models/.+/(switch|sleep|stop|restart|disable|enable))$' } }, required: ['*'] },
  querystring: { type: 'object', properties: { wait: { type: 'string', enum: ['true', 'false'] } }, additionalProperties: false }
})

/** Operators' routes over all nodes, in a scope of their own. What is asked of a node it is asked by its own routes: no edge keeps anything that another would need. */
async function admin (scope: FastifyInstance, options: AdminOptions): Promise<void> {
  checkOptions(options)
  const { llmuxFleet: fleet } = scope
  addGuard(scope, options.guard)
  beStrict(scope)
  const feeds = new Feeds(scope, systemClock)
  const journal = new Journal(fleet.events, options.journal ?? 1_000)

  scope.get('/nodes', { schema: schema('The nodes, with their models, as this edge sees them') }, async () => fleet.status())

  scope.post<Order>('/nodes/*', { schema: orderSchema }, async ({ params, query, body }, reply) => {
    const [host = '', ...words] = params['*'].split('/')
    const node = find(host)
    const path = words.map(encodeURIComponent).join('/')
    const patient = query.wait === 'true'
    return await passOn(reply, node, { method: 'POST', path: `/${path}${patient ? '?wait=true' : ''}`, body: body ?? undefined, patient })
  })

  scope.get<{ Params: { host: string, id: string } }>('/nodes/:host/operations/:id', { schema: schema('The state of an operation on that node') }, async ({ params }, reply) =>
    await passOn(reply, find(params.host), { method: 'GET', path: `/operations/${encodeURIComponent(params.id)}` }))

  scope.get<{ Headers: { 'last-event-id'?: string } }>('/events', { schema: schema('Every change of a node, every retry and every end of a request, as server-sent events'), exposeHeadRoute: false }, ({ headers }, reply) => {
    const last = headers['last-event-id']
    return feeds.open(reply, { type: 'text/event-stream', beginning: `: open\n\n${last === undefined ? '' : journal.since(last)}`, signOfLife: ': \n\n' }, write => journal.read(write))
  })

  function find (host: string): Node {
    const node = fleet.nodes.all.find(({ name }) => new URL(name).host === host)
    if (node === undefined) throw new AdminRequestError('params', `there is no node ${host}`)
    return node
  }
}

async function passOn (reply: FastifyReply, { calls }: Node, call: Call): Promise<unknown> {
  const { status, body } = await calls.call(call)
  reply.code(status)
  return body
}

/** Operators' routes over all nodes. Register it after the fleet, with a `prefix`, and a `guard`: who may come in. */
export const fleetAdmin = fp(admin, { fastify: '5.x', name: 'fastify-llmux-fleet-admin', dependencies: ['fastify-llmux-fleet'], encapsulate: true })
