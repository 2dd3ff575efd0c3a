import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { WedgedError } from '../errors.ts'
import type { ResolvedModel, ResolvedOptions } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { readBody } from './body/read-body.ts'
import { answerError } from './error-answer.ts'
import { createFallback } from './fallback.ts'
import { modelsRoute } from './models-route.ts'
import { errandOf, preHandler } from './pre-handler.ts'
import { relay } from './relay/relay.ts'
import type { RelayOptions } from './relay/relay.ts'
import { WedgeWatch } from './wedge-watch.ts'

export interface GatewayOptions {
  options: ResolvedOptions
  orchestrator: Orchestrator
  switcher: Switcher
  clock: Clock
}

/** The HTTP edge: a scope of its own, so that parsers and error handler stay off the host's routes. */
export async function gateway (scope: FastifyInstance, { options, orchestrator, switcher, clock }: GatewayOptions): Promise<void> {
  const { names, routes, replay, forwardCredentials, bodyLimit, timeouts, fallbackUpstream } = options
  const models = new Map(options.models.map(model => [model.id, model]))
  scope.setErrorHandler(answerError)
  scope.removeAllContentTypeParsers()
  // Any type: a body goes on byte for byte, and what is wrong with it is for us or the engine to say. Fastify remembers
  // who parses a type that it is told of, and looks into it again each time otherwise.
  scope.addContentTypeParser(['application/json', '*'], (request: FastifyRequest, stream: IncomingMessage) => readBody(stream, {
    limit: bodyLimit,
    timeout: timeouts.body,
    contentLength: request.headers['content-length'],
    clock
  }))
  const hook = preHandler({
    clock,
    switcher,
    orchestrator,
    names,
    prefix: scope.prefix,
    details: options,
    replay,
    stalled: id => models.get(id)!.timeouts.stalled,
    watchOf: watches(options.models, clock, orchestrator),
    fallback: fallbackUpstream === undefined ? undefined : createFallback(scope, { origin: fallbackUpstream, clock, grace: timeouts.grace })
  })
  runLast(scope, hook)
  await modelsRoute(scope, options)
  await relay(scope, { routes, preHandler: hook, errandOf, forwardCredentials })
}

/** Plugins of the host's, @fastify/rate-limit among them, add hooks to each route, behind its own: whom they refuse must not have caused a switch. */
function runLast (scope: FastifyInstance, hook: RelayOptions['preHandler']): void {
  scope.addHook('onRoute', route => {
    const hooks = [route.preHandler ?? []].flat()
    if (hooks.includes(hook)) route.preHandler = [...hooks.filter(other => other !== hook), hook]
  })
}

function watches (models: ResolvedModel[], clock: Clock, orchestrator: Orchestrator): (id: string) => WedgeWatch {
  const byId = new Map(models.map(({ id, timeouts: { wedged } }) => [id, new WedgeWatch({
    clock,
    limit: wedged,
    responds: () => orchestrator.responds(id),
    onWedged: () => orchestrator.fail(id, new WedgedError(id, wedged))
  })]))
  return id => byId.get(id)!
}
