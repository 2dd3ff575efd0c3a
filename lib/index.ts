import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { systemClock } from './clock.ts'
import { Directory } from './directory.ts'
import { AlreadyRegisteredError } from './errors.ts'
import { LlmuxEvents } from './events.ts'
import { gateway } from './gateway/gateway.ts'
import { LiveRequests } from './gateway/live-requests.ts'
import { decorateRequest } from './gateway/request-model.ts'
import { loadTracing } from './gateway/tracing/load.ts'
import { Withdrawals } from './gateway/withdrawals.ts'
import { unknownRoutes } from './gateway/unknown-route.ts'
import { enginePort } from './host/engine-port.ts'
import { watchCloseDelay } from './host/close-delay.ts'
import { warnOfLongWaits } from './host/fairness.ts'
import { LearnedFile } from './host/learned-file.ts'
import { LineFeed } from './host/line-feed.ts'
import { Llmux } from './host/llmux.ts'
import { logEvents, logLines } from './host/log/log.ts'
import { preload } from './host/preload.ts'
import { isRegistered, register } from './host/registered.ts'
import { Recorder } from './host/record/record.ts'
import { warnOfSharedMemory, checkStarts } from './host/start-check.ts'
import { closeOnSignals, closeWithServer } from './host/shutdown.ts'
import { SwitchHistory } from './host/switch-history.ts'
import { knownRoutes, resolveOptions, validateOptions } from './options/index.ts'
import type { LlmuxOptions, ResolvedOptions } from './options/index.ts'
import { lookAtMachine } from './orchestrator/gpus/machine.ts'
import { localOrchestrator } from './orchestrator/local/local-orchestrator.ts'
import { createPolicy } from './switcher/policy/index.ts'
import { Switcher } from './switcher/switcher.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The models: state, leases for your own routes, and orders by hand. Visible in the scope that registered llmux and below it; elsewhere use `llmuxOf(fastify)`. */
    llmux: Llmux
  }
}

const clock = systemClock

async function llmux (fastify: FastifyInstance, given: LlmuxOptions): Promise<void> {
  validateOptions(given)
  const events = new LlmuxEvents()
  logEvents(events, fastify.log)
  const machine = await lookAtMachine({ warn: error => events.emit('warning', { time: clock.now(), model: undefined, error }) })
  const options = resolveOptions(given, machine)
  if (isRegistered(fastify)) throw new AlreadyRegisteredError()
  const lines = new LineFeed()
  const history = new SwitchHistory(events)
  const live = new LiveRequests()
  const withdrawals = new Withdrawals()
  const floors = build(fastify, options, events, lines)
  warnOfLongWaits(given, options, { ...floors, events, clock })
  warnOfSharedMemory(options.models, machine, { events, clock })
  const tracing = await loadTracing({ events, log: fastify.log, providerOf: id => floors.directory.find(id)?.engine.name.toLowerCase() })
  const startCheck = checkStarts(fastify, options.models.map(({ id }) => id), { ...floors, events, clock })
  const facade = new Llmux({ options: given, machine, startCheck, limits: options, events, lines, clock, history, live, withdrawals, ...floors })
  register(fastify, facade)
  fastify.decorate('llmux', facade)
  // The scope that registers llmux may have a prefix.
  decorateRequest(fastify, knownRoutes.filter(route => options.routes.includes(route.path)), { ...options, isKnown: name => floors.directory.names.has(name), prefix: fastify.prefix + options.prefix })
  closeWithServer(fastify, { options, clock, ...floors })
  closeOnSignals(fastify, { options, clock, ...floors })
  watchCloseDelay(fastify, { grace: options.timeouts.grace, switcher: floors.switcher, events, clock })
  preload(fastify, options)
  await fastify.register(unknownRoutes, { prefix: `${options.prefix}/v1` })
  await fastify.register(gateway, { prefix: options.prefix, options, clock, events, live, withdrawals, tracing, ...floors })
}

/** The switcher gives orders to the orchestrator, which reports lost engines. */
function build (fastify: FastifyInstance, options: ResolvedOptions, events: LlmuxEvents, lines: LineFeed) {
  const log = logLines(fastify.log, options.engineLogLevel)
  const orchestrator = localOrchestrator({
    options,
    clock,
    events,
    onLost: (id, error) => switcher.lost(id, error),
    onFreed: () => switcher.freed(),
    missed: id => switcher.missed(id),
    onLine (id, stream, line) {
      log(id, stream, line)
      lines.push(id, line)
    }
  })
  const switcher: Switcher = new Switcher(options.models, {
    engines: enginePort(orchestrator), clock, events, policy: record(fastify, options, events), limits: options, ...keepLearned(fastify, options, events)
  })
  return { orchestrator, switcher, directory: new Directory(options) }
}

/** The policy, with a recording of its decisions and of served requests if the options ask for it. */
function record (fastify: FastifyInstance, options: ResolvedOptions, events: LlmuxEvents) {
  const recorder = new Recorder(options.record, { events, clock })
  fastify.addHook('onClose', async () => await recorder.close())
  return recorder.policy(createPolicy(options.policy))
}

/** What earlier runs learned, and what this one learns for the next. */
function keepLearned (fastify: FastifyInstance, { learnedFile }: ResolvedOptions, events: LlmuxEvents) {
  if (learnedFile === undefined) return {}
  const file = new LearnedFile({ path: learnedFile, clock, events })
  const learned = file.read()
  file.keep(learned)
  fastify.addHook('onClose', async () => file.write(learned))
  return { learned }
}

/**
 * Serves several language models from one GPU behind one OpenAI-compatible API: starts a vLLM server for each, and switches
 * between them. `await app.register(llmux, { models: { 'qwen-14b': { path: 'Qwen/Qwen3-14B' } } })`: once per server, after
 * the hooks that run before its routes.
 */
const plugin = fp(llmux, { fastify: '5.x', name: 'fastify-llmux' })

export default plugin

export { llmux }
export * from './errors.ts'
export type { Address, EngineAdapter, EngineCalls, EngineName, Launch, RecognisedCause, SleepReport, StageSign, WakeStep } from './engines/index.ts'
export { startCauses } from './start-causes.ts'
export type { StartCause } from './start-causes.ts'
export { eventNames } from './events.ts'
export type * from './events.ts'
// Also brings `request.llmux` into the types of importing code.
export type { RequestModel } from './gateway/request-model.ts'
export type { HostLease as Lease } from './host/host-lease.ts'
export type { GpuHolder } from './host/gpu-memory.ts'
export type { Llmux } from './host/llmux.ts'
export type { AcquireOptions, OrderOptions, SleepOptions } from './host/order-options.ts'
export type { GpuMemoryStatus, LearnedStatus, LlmuxStatus, LongestWait, ModelStatus, StartStatus, TransitionStatus } from './host/status.ts'
export type { PastSwitch } from './host/switch-history.ts'
export { llmuxOf } from './host/registered.ts'
export type { UpdateResult } from './host/update.ts'
export type {
  Command, CommandContext, CostAwareOptions, Decision, EvenHandedOptions, FifoOptions, KnownCosts, LlmuxOptions, LogLevel, ModelOptions, ModelTimeouts, ModelView, Policy, PolicyOption, PolicyOptions, SimpleOptions, SleepLevel, Snapshot,
  Timeouts, TimeSliceOptions, WaiterView
} from './options/index.ts'
export { knownRoutes } from './options/index.ts'
