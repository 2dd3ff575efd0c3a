import type { ResponseOutcome, TransitionOutcome } from '../events.ts'
import type { ModelStatus } from '../host/status.ts'
import { knownRoutes } from '../options/index.ts'
import { startCauses, wakeFailures } from '../start-causes.ts'
import type { CounterName, HistogramName } from './catalogue.ts'
import type { Activity } from './gpu-activity.ts'
import type { Labels } from './instruments.ts'

// Objects, so that a value that is missing does not compile.
const responseOutcomes: Record<ResponseOutcome, true> = { ok: true, client_error: true, overloaded: true, server_error: true, cut: true, left: true }
const switchOutcomes: Record<TransitionOutcome, true> = { done: true, failed: true, undone: true }
const activities: Record<Activity, true> = { switching: true, serving: true, idle: true }

/** The parts of a switch as `llmux_switch_phase_seconds_total` has them. */
export const phases = ['check', 'drain', 'sleep', 'memory', 'start', 'wake', 'reload', 'warm_up', 'other'] as const

const withPrefix = (names: string[]): string[] => names.map(name => `LLMUX_ERR_${name}`)

/** What an answer that has begun is broken off for. */
export const cutCodes = withPrefix([
  'ENGINE_DIED', 'WEDGED', 'UPSTREAM', 'DRAIN_TIMEOUT', 'GRACE_TIMEOUT', 'REQUEST_CUT', 'STALLED',
  // On an event stream that had begun with comments.
  'ENGINE_ANSWER', 'QUEUE_TIMEOUT', 'PASSIVE_TIMEOUT', 'CLOSING', 'MODEL_DISABLED', ...wakeFailures
])

/** What a model's engine is warned of. */
export const modelWarnings = withPrefix([
  'SLEEP_FAILED', 'SLEEP_TIMEOUT', 'WAKE_FAILED', 'WAKE_TIMEOUT', 'RELOAD_TIMEOUT', 'RESET_PREFIX_CACHE_TIMEOUT', 'HEALTH_TIMEOUT', 'PROCESS_DIED',
  'FREEZE_UNSUPPORTED', 'STOP_TIMEOUT', 'STOP_FAILED', 'NOT_STARTABLE', 'GPU_CLAIMED', 'GPU_MEMORY', 'HOST_MEMORY', 'SHARED_MEMORY', 'MEMORY_TIMEOUT', 'MEMORY_COMMAND'
])

/** What concerns no model in particular. */
export const otherWarnings = withPrefix(['MEMORY_COMMAND', 'WATCHER', 'LEDGER', 'ORPHANS', 'LONG_WAIT', 'LEARNED_FILE', 'RECORD', 'POLICY', 'CLOSE_DELAY'])

type Models = Pick<ModelStatus, 'name' | 'gpus'>[]
type Series = [name: CounterName, labels: Labels]

const keys = (object: object): string[] => Object.keys(object)

/** Every series of a counter whose labels are known beforehand. */
export function knownSeries (models: Models): Series[] {
  const gpus = [...new Set(models.flatMap(({ gpus }) => gpus))]
  return [
    ...models.flatMap(({ name }) => seriesOf(name)),
    ...models.flatMap(model => switchesOf(model, models)),
    ...requestsOf(''),
    ...(['llmux_request_bytes_total', 'llmux_response_bytes_total'] as const).map((name): Series => [name, { model: '' }]),
    ...otherWarnings.map((code): Series => ['llmux_warnings_total', { model: '', code }]),
    ...gpus.flatMap(gpu => keys(activities).map((activity): Series => ['llmux_gpu_activity_seconds_total', { gpu: String(gpu), activity }]))
  ]
}

const requestsOf = (model: string): Series[] =>
  knownRoutes.flatMap(({ path: route }) => keys(responseOutcomes).map((outcome): Series => ['llmux_requests_total', { model, route, outcome }]))

function seriesOf (model: string): Series[] {
  return [
    ...requestsOf(model),
    ...cutCodes.map((code): Series => ['llmux_cut_streams_total', { model, code }]),
    ...modelWarnings.map((code): Series => ['llmux_warnings_total', { model, code }]),
    ...keys(startCauses).map((cause): Series => ['llmux_engine_start_failures_total', { model, cause }])
  ]
}

/** To it from each one beside which it may have to go, from none, and from it to none. Several that go at once begin at 1. */
function switchesOf ({ name, gpus }: Models[number], models: Models): Series[] {
  const neighbours = models.filter(other => other.name !== name && other.gpus.some(gpu => gpus.includes(gpu)))
  const ends = [...['', ...neighbours.map(other => other.name)].map(from => ({ from, to: name })), { from: name, to: '' }]
  return ends.flatMap(pair => [
    ...keys(switchOutcomes).map((outcome): Series => ['llmux_switches_total', { ...pair, outcome }]),
    ...phases.map((phase): Series => ['llmux_switch_phase_seconds_total', { ...pair, phase }])
  ])
}

/** Histograms that are told apart by nothing but the model. That of `gen_ai_…` by `error_type` is not: it would be thousands of lines. */
export const modelHistograms: Array<[name: HistogramName, label: string]> = [
  ['llmux_request_queue_seconds', 'model'], ['llmux_request_time_to_first_byte_seconds', 'model'], ['llmux_first_byte_after_switch_seconds', 'model'], ['llmux_switch_duration_seconds', 'to']
]
