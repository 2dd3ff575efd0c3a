import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import type { Directory } from '../directory.ts'
import { LlmuxError, WedgedError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { ResolvedModel, ResolvedOptions } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { readBody } from './body/read-body.ts'
import type { BodyRead } from './body/read-body.ts'
import { errorAnswer } from './error-answer.ts'
import { errandOf, recordOf } from './errand.ts'
import { createFallback } from './fallback.ts'
import type { LiveRequests } from './live-requests.ts'
import { modelsRoute } from './models-route.ts'
import { preHandler } from './pre-handler.ts'
import { relay } from './relay/relay.ts'
import type { RelayOptions } from './relay/relay.ts'
import { describeRoutes } from './route-schemas.ts'
import { secondsToWait } from './waiting/seconds.ts'
import { WedgeWatch } from './wedge-watch.ts'

export interface GatewayOptions {
  options: ResolvedOptions
  directory: Directory
  orchestrator: Orchestrator
  switcher: Switcher
  clock: Clock
  events: LlmuxEvents
  /** Where requests that are not over are listed. */
  live: LiveRequests
}

/** The HTTP edge: a scope of its own, so that parsers and error handler stay off the host's routes. */
export async function gateway (scope: FastifyInstance, { options, directory, orchestrator, switcher, clock, events, live }: GatewayOptions): Promise<void> {
  const { routes, replay, heartbeat, forwardCredentials, bodyLimit, timeouts, fallbackUpstream } = options
  describeRoutes(scope)
  const recorder = { clock, events, silent: silentModels(events), live }
  const answerError = errorAnswer({ waitOf: request => secondsToWait(request, directory, switcher), exposeEngineOutput: options.exposeEngineOutput })
  scope.setErrorHandler((error: Error, request, reply) => {
    // What asks for the list of models is nobody's request for one.
    if (error instanceof LlmuxError && request.method === 'POST') recordOf({ recorder, atOnce: switcher.atOnce, prefix: scope.prefix }, request, reply).failed(error)
    answerError(error, request, reply)
  })
  scope.removeAllContentTypeParsers()
  // Any type: a body goes on byte for byte, and what is wrong with it is for us or the engine to say. Fastify remembers
  // who parses a type that it is told of, and looks into it again each time otherwise.
  scope.addContentTypeParser(['application/json', '*'], (request: FastifyRequest, stream: IncomingMessage, done: BodyRead) => readBody(stream, {
    limit: bodyLimit,
    timeout: timeouts.body,
    contentLength: request.headers['content-length'],
    clock
  }, done))
  const hook = preHandler({
    clock,
    recorder,
    switcher,
    orchestrator,
    directory,
    prefix: scope.prefix,
    details: options,
    replay,
    heartbeat,
    stalled: id => orchestrator.model(id).timeouts.stalled,
    watchOf: watches(clock, orchestrator),
    fallback: fallbackUpstream === undefined ? undefined : createFallback(scope, { origin: fallbackUpstream, clock, grace: timeouts.grace })
  })
  runLast(scope, hook)
  await modelsRoute(scope, directory)
  await relay(scope, { routes, preHandler: hook, errandOf, forwardCredentials, hasFallback: fallbackUpstream !== undefined })
}

/** The models that have given no byte since they became awake. */
function silentModels (events: LlmuxEvents): Set<string> {
  const silent = new Set<string>()
  events.on('engine', ({ model, to }) => { to === 'awake' ? silent.add(model) : silent.delete(model) })
  return silent
}

/** Plugins of the host's, @fastify/rate-limit among them, add hooks to each route, behind its own: whom they refuse must not have caused a switch. */
function runLast (scope: FastifyInstance, hook: RelayOptions['preHandler']): void {
  scope.addHook('onRoute', route => {
    const hooks = [route.preHandler ?? []].flat()
    if (hooks.includes(hook)) route.preHandler = [...hooks.filter(other => other !== hook), hook]
  })
}

function watches (clock: Clock, orchestrator: Orchestrator): (id: string) => WedgeWatch {
  // Of one of the same name that has changed the limit may be another.
  const byModel = new WeakMap<ResolvedModel, WedgeWatch>()
  return id => {
    const model = orchestrator.model(id)
    let watch = byModel.get(model)
    if (watch === undefined) byModel.set(model, watch = createWatch(model, clock, orchestrator))
    return watch
  }
}

function createWatch ({ id, timeouts: { wedged } }: ResolvedModel, clock: Clock, orchestrator: Orchestrator): WedgeWatch {
  return new WedgeWatch({
    clock,
    limit: wedged,
    responds: () => orchestrator.responds(id),
    onWedged: () => orchestrator.fail(id, new WedgedError(id, wedged))
  })
}
