import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { systemClock } from '../clock.ts'
import type { Timer } from '../clock.ts'
import { unknownModel } from '../directory.ts'
import { AlreadyRegisteredError, GraceTimeoutError, NoNodeError } from '../errors.ts'
import { errandOf, recordOf } from '../gateway/errand.ts'
import { LiveRequests } from '../gateway/live-requests.ts'
import { modelsRoute } from '../gateway/models-route.ts'
import { relay } from '../gateway/relay/relay.ts'
import type { RelayOptions } from '../gateway/relay/relay.ts'
import { decorateRequest } from '../gateway/request-model.ts'
import { openScope, runLast } from '../gateway/scope.ts'
import { loadTracing } from '../gateway/tracing/load.ts'
import { unknownRoutes } from '../gateway/unknown-route.ts'
import { isOver } from '../gateway/when-over.ts'
import { registerReadiness } from '../host/registered.ts'
import { knownRoutes } from '../options/index.ts'
import { FleetEvents } from './events.ts'
import { Fleet } from './fleet.ts'
import type { Node } from './nodes/node.ts'
import { Nodes } from './nodes/nodes.ts'
import { resolveFleetOptions } from './options.ts'
import type { FleetOptions } from './options.ts'
import { RetryBudget } from './request/budget.ts'
import { FleetRequest } from './request/fleet-request.ts'
import type { FleetContext } from './request/fleet-request.ts'
import { moveTo } from './request/move.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The nodes behind this edge. */
    llmuxFleet: Fleet
  }
}

const clock = systemClock

async function fleet (fastify: FastifyInstance, given: FleetOptions): Promise<void> {
  const options = resolveFleetOptions(given)
  if (fastify.hasRequestDecorator('llmux')) throw new AlreadyRegisteredError()
  const events = new FleetEvents()
  events.on('node', ({ node, from, to, reason }) => fastify.log[to === 'out' ? 'warn' : 'info']({ node, from, to, reason }, `node ${node} is ${to}: ${reason}`))
  events.on('retry', ({ from, to, model, reason, request }) => fastify.log.warn({ from, to, model, reqId: request }, `a request goes from ${from} to ${to}: ${reason}`))
  events.on('move', ({ from, to, model, request }) => fastify.log.info({ from, to, model, reqId: request }, `a request that waited on ${from} moves to ${to}, where ${model} is awake`))
  const moving = { clock, choose: options.choose, failed: (error: Error) => fastify.log.warn({ err: error }, error.message) }
  const reported = (node: Node) => {
    if (options.move) moveTo(node, nodes.up, moving)
  }
  const nodes = new Nodes({ options, clock, events, reported }, error => fastify.log.warn({ err: error }, `the nodes could not be looked up: ${error.message}`))
  const facade = new Fleet(nodes, events)
  registerReadiness(fastify, () => facade.readiness())
  fastify.decorate('llmuxFleet', facade)
  decorateRequest(fastify, knownRoutes.filter(({ path }) => options.routes.includes(path)), { modelHeader: options.modelHeader, defaultModel: options.defaultModel, prefix: fastify.prefix + options.prefix })
  const { grace } = options
  let cutting: Timer
  fastify.addHook('preClose', done => {
    cutting = clock.setTimeout(() => nodes.all.forEach(({ leases }) => [...leases].forEach(lease => lease.cut(new GraceTimeoutError(grace)))), grace)
    done()
  })
  fastify.addHook('onClose', async () => {
    clock.clearTimeout(cutting)
    await nodes.close()
  })
  const tracing = await loadTracing({ log: fastify.log, providerOf: () => undefined })
  await nodes.look()
  const context = { options, clock, events, nodes, budget: new RetryBudget(options.retries), recorder: { clock, silent: new Set<string>(), live: new LiveRequests(), tracing } }
  await fastify.register(unknownRoutes, { prefix: `${options.prefix}/v1` })
  await fastify.register(async scope => await edge(scope, context), { prefix: options.prefix })
}

async function edge (scope: FastifyInstance, context: FleetContext): Promise<void> {
  const { options, events, nodes, recorder } = context
  const keeper = { recorder: { ...recorder, clock, events: events.ends(() => undefined) } }
  openScope(scope, {
    clock,
    bodyLimit: options.bodyLimit,
    bodyTimeout: options.body,
    answer: {},
    failed: (error, request, reply) => recordOf({ ...keeper, atOnce: change => change() }, request, reply).failed(error)
  })
  const hook: RelayOptions['preHandler'] = (request: FastifyRequest, reply: FastifyReply, done) => {
    if (isOver(request, reply)) return reply.hijack()
    try {
      const choice = request.llmux.choose()!
      const model = nodes.names.get(choice.name)
      if (model !== undefined) new FleetRequest(context, request, reply, { choice, model }).begin(done)
      else done(nodes.up.length === 0 ? new NoNodeError(choice.name, 'no node is there') : unknownModel(choice.name))
    } catch (error) {
      done(error as Error)
    }
  }
  runLast(scope, hook)
  await modelsRoute(scope, { get names () { return nodes.names }, id: name => nodes.id(name), find: () => undefined })
  await relay(scope, { routes: options.routes, preHandler: hook, errandOf, forwardCredentials: false, hasFallback: false })
}

/** One address for several gateways with llmux. Register it at the edge, behind your hooks; not beside llmux in one server. */
const plugin = fp(fleet, { fastify: '5.x', name: 'fastify-llmux-fleet' })

export default plugin

export { fleet }
export { fleetAdmin } from './admin.ts'
export { simulateFleet } from './simulate.ts'
export type { FleetSimulationOptions, FleetSimulationResult } from './simulate.ts'
export { fleetMetrics } from './metrics.ts'
export { chooseNode } from './choice/choose.ts'
export type { ChooseNode, FleetSnapshot, NodeModelView, NodeView } from './choice/types.ts'
export type * from './events.ts'
export type { Fleet, NodeStatus } from './fleet.ts'
export type { DnsNodes, FleetOptions, NodeSource } from './options.ts'
