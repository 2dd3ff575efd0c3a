import type { FastifyInstance } from 'fastify'
import type { Clock } from '../clock.ts'
import type { Directory } from '../directory.ts'
import { WedgedError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { ResolvedModel, ResolvedOptions } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { errandOf, recordOf } from './errand.ts'
import { modelsRoute } from './models-route.ts'
import { preHandler } from './pre-handler.ts'
import { relay } from './relay/relay.ts'
import { edgeTest } from './request-details.ts'
import type { LiveRequests } from './live-requests.ts'
import { openScope, runLast } from './scope.ts'
import type { Tracing } from './tracing/trace.ts'
import { secondsToWait } from './waiting/wait.ts'
import { WedgeWatch } from './wedge-watch.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface GatewayOptions {
  options: ResolvedOptions
  directory: Directory
  orchestrator: Orchestrator
  switcher: Switcher
  clock: Clock
  events: LlmuxEvents
  /** The list of open requests. */
  live: LiveRequests
  withdrawals: Withdrawals
  /** Undefined if nobody traces. */
  tracing: Tracing | undefined
}

/** The HTTP edge, in a scope of its own: your routes keep their own parsers and error handler. */
export async function gateway (scope: FastifyInstance, { options, directory, orchestrator, switcher, clock, events, live, withdrawals, tracing }: GatewayOptions): Promise<void> {
  const { routes, replay, heartbeat, forwardCredentials, bodyLimit, timeouts, fallbackUpstream } = options
  const recorder = { clock, events, silent: silentModels(events), live, tracing }
  openScope(scope, {
    clock,
    bodyLimit,
    bodyTimeout: timeouts.body,
    answer: { waitOf: request => secondsToWait(request, directory, switcher), exposeEngineOutput: options.exposeEngineOutput },
    failed: (error, request, reply) => recordOf({ recorder, atOnce: switcher.atOnce }, request, reply).failed(error)
  })
  // Most gateways have none, and start without undici.
  const fallback = fallbackUpstream === undefined ? undefined : (await import('./fallback.ts')).createFallback(scope, { origin: fallbackUpstream, clock, grace: timeouts.grace })
  const hook = preHandler({
    clock,
    recorder,
    switcher,
    orchestrator,
    directory,
    withdrawals,
    details: { ...options, isEdge: edgeTest(options.edgeKey) },
    replay,
    heartbeat,
    stalled: id => orchestrator.model(id).timeouts.stalled,
    watchOf: watches(clock, orchestrator),
    fallback
  })
  runLast(scope, hook)
  await modelsRoute(scope, directory)
  await relay(scope, { routes, preHandler: hook, errandOf, forwardCredentials, hasFallback: fallbackUpstream !== undefined })
}

/** Models that have sent no byte since they became awake. */
function silentModels (events: LlmuxEvents): Set<string> {
  const silent = new Set<string>()
  events.on('engine', ({ model, to }) => { to === 'awake' ? silent.add(model) : silent.delete(model) })
  return silent
}

function watches (clock: Clock, orchestrator: Orchestrator): (id: string) => WedgeWatch {
  // A changed model of the same name may have another limit.
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
