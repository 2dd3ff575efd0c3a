import type { ResponseOutcome, TransitionOutcome } from '../events.ts'
import type { ModelStatus } from '../host/status.ts'
import { knownRoutes } from '../options/index.ts'
import { startCauses, wakeFailures } from '../start-causes.ts'
import { fits, shareGpu } from '../switcher/placement.ts'
import type { CounterName, HistogramName } from './catalogue.ts'
import type { Activity } from './gpu-activity.ts'
import type { Labels } from './instruments.ts'

// Objects, so that a missing value does not compile.
const responseOutcomes: Record<ResponseOutcome, true> = { ok: true, client_error: true, overloaded: true, server_error: true, cut: true, left: true }
const switchOutcomes: Record<TransitionOutcome, true> = { done: true, failed: true, undone: true }
const activities: Record<Activity, true> = { switching: true, serving: true, idle: true }

/** The parts of a switch in `llmux_switch_phase_seconds_total`. */
export const phases = ['check', 'drain', 'sleep', 'memory', 'start', 'wake', 'reload', 'warm_up', 'other'] as const

const withPrefix = (names: string[]): string[] => names.map(name => `LLMUX_ERR_${name}`)

/** Codes of answers that were broken off. */
export const cutCodes = withPrefix([
  'ENGINE_DIED', 'WEDGED', 'UPSTREAM', 'DRAIN_TIMEOUT', 'GRACE_TIMEOUT', 'REQUEST_CUT', 'STALLED',
  // On an event stream that began with comments.
  'ENGINE_ANSWER', 'QUEUE_TIMEOUT', 'PASSIVE_TIMEOUT', 'CLOSING', 'MODEL_DISABLED', ...wakeFailures
])

/** Codes of warnings about a model's engine. */
export const modelWarnings = withPrefix([
  'SLEEP_FAILED', 'SLEEP_TIMEOUT', 'WAKE_FAILED', 'WAKE_TIMEOUT', 'RELOAD_TIMEOUT', 'RESET_PREFIX_CACHE_TIMEOUT', 'HEALTH_TIMEOUT', 'PROCESS_DIED',
  'FREEZE_UNSUPPORTED', 'STOP_TIMEOUT', 'STOP_FAILED', 'NOT_STARTABLE', 'GPU_CLAIMED', 'GPU_MEMORY', 'HOST_MEMORY', 'SHARED_MEMORY', 'MEMORY_TIMEOUT', 'MEMORY_COMMAND'
])

/** Codes of warnings about no model in particular. */
export const otherWarnings = withPrefix(['MEMORY_COMMAND', 'WATCHER', 'LEDGER', 'ORPHANS', 'LONG_WAIT', 'LEARNED_FILE', 'RECORD', 'POLICY', 'CLOSE_DELAY'])

type Models = Pick<ModelStatus, 'name' | 'gpus' | 'gpuShare'>[]
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

/** Of each model: with many small ones on a GPU there are more sets of them than anybody looks at. Further ones begin at 1. */
const mostSets = 64

/** To it from each one, and each few at once, that may have to go for it, from none, and from it to none. */
function switchesOf (model: Models[number], models: Models): Series[] {
  const { name } = model
  const neighbours = models.filter(other => other !== model && shareGpu(other, model))
  const sets = [[], ...neighbours.map(other => [other]), ...fits(model, neighbours) ? [] : togetherAwake(neighbours)]
  const ends = [...sets.map(set => ({ from: evicted(set.map(({ name }) => name)), to: name })), { from: name, to: '' }]
  return ends.flatMap(pair => [
    ...keys(switchOutcomes).map((outcome): Series => ['llmux_switches_total', { ...pair, outcome }]),
    ...phases.map((phase): Series => ['llmux_switch_phase_seconds_total', { ...pair, phase }])
  ])
}

/** Two and more of them that may be awake at the same time, small sets first. */
function togetherAwake (models: Models): Models[] {
  const sets: Models[] = models.map(model => [model])
  for (let at = 0; at < sets.length && sets.length < models.length + mostSets; at++) {
    const set = sets[at]!
    for (const model of models.slice(models.indexOf(set.at(-1)!) + 1)) if (fits(model, set)) sets.push([...set, model])
  }
  return sets.slice(models.length, models.length + mostSets)
}

/** The label `from` of evicted models. */
export function evicted (names: readonly string[]): string {
  return [...names].sort().join('+')
}

/** Histograms that are told apart by nothing but the model. That of `gen_ai_…` by `error_type` is not: it would be thousands of lines. */
export const modelHistograms: Array<[name: HistogramName, label: string]> = [
  ['llmux_request_queue_seconds', 'model'], ['llmux_request_time_to_first_byte_seconds', 'model'], ['llmux_first_byte_after_switch_seconds', 'model'], ['llmux_switch_duration_seconds', 'to']
]
