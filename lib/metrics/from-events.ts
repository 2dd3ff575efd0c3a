import type { EngineChange, LlmuxEvents, RequestChange, ResponseEnd, TransitionChange } from '../events.ts'
import type { LlmuxError } from '../errors.ts'
import { errorType, operationOf } from '../gen-ai.ts'
import type { Instruments } from './instruments.ts'
import { evicted } from './known-labels.ts'

/** Counts events as they happen. Returns a function that stops. */
export function countEvents (events: LlmuxEvents, instruments: Instruments): () => void {
  /** Models whose engine has failed since its last start. */
  const failed = new Set<string>()
  return events.onEvery(named => {
    switch (named.name) {
      case 'response': return countResponse(named.event, instruments)
      case 'request': return countFreezes(named.event, instruments)
      case 'transition': return countTransition(named.event, instruments)
      case 'engine': return countEngine(named.event, instruments, failed)
      case 'first': return instruments.observe('llmux_first_byte_after_switch_seconds', { model: named.event.model }, named.event.duration / 1000)
      case 'warning': return instruments.count('llmux_warnings_total', { model: named.event.model ?? '', code: (named.event.error as LlmuxError).code ?? '' })
    }
  })
}

function countResponse (end: ResponseEnd, instruments: Instruments): void {
  const { model = '', route, outcome, code, queued, firstByte, duration, replays, received, sent } = end
  instruments.count('llmux_requests_total', { model, route, outcome })
  instruments.observe('gen_ai_server_request_duration_seconds', {
    gen_ai_request_model: model, gen_ai_operation_name: operationOf.get(route) ?? '', error_type: errorType(end)
  }, duration / 1000)
  // Other requests have no queue.
  if (model !== '') instruments.observe('llmux_request_queue_seconds', { model }, queued / 1000)
  if (firstByte !== undefined) instruments.observe('llmux_request_time_to_first_byte_seconds', { model }, firstByte / 1000)
  instruments.count('llmux_request_bytes_total', { model }, received)
  instruments.count('llmux_response_bytes_total', { model }, sent)
  if (replays > 0) instruments.count('llmux_request_replays_total', { model }, replays)
  if (outcome === 'cut') instruments.count('llmux_cut_streams_total', { model, code: code ?? '' })
}

function countFreezes ({ model, from, to, duration }: RequestChange, instruments: Instruments): void {
  if (to === 'frozen') instruments.count('llmux_request_freezes_total', { model })
  if (from !== 'frozen') return
  if (to === 'granted') instruments.count('llmux_request_thaws_total', { model })
  instruments.count('llmux_request_frozen_seconds_total', { model }, duration / 1000)
}

function countTransition ({ to: phase, wake, evict, outcome, phases, steps = {}, error }: TransitionChange, instruments: Instruments): void {
  if (phase !== 'idle') return
  // Refused before there was a process; the engine's events report all others.
  const { code, startCause } = (error ?? {}) as Partial<LlmuxError>
  if (code === 'LLMUX_ERR_NOT_STARTABLE' && startCause !== undefined && wake !== undefined) instruments.count('llmux_engine_start_failures_total', { model: wake, cause: startCause })
  const ends = { from: evicted(evict), to: wake ?? '' }
  instruments.count('llmux_switches_total', { ...ends, outcome: outcome! })
  const { checking, draining, evicting, waking } = phases
  const { warmUp, ...rest } = steps
  // What no step accounts for: stopping an engine that could not wake.
  const other = waking === undefined ? 0 : Math.max(0, waking - Object.values(steps).reduce((sum, step) => sum + step, 0))
  for (const [name, ms] of Object.entries({ check: checking, drain: draining, sleep: evicting, ...rest, warm_up: warmUp, other })) {
    if (ms !== undefined) instruments.count('llmux_switch_phase_seconds_total', { ...ends, phase: name }, ms / 1000)
  }
  if (outcome !== 'done' || wake === undefined) return
  instruments.observe('llmux_switch_duration_seconds', { to: wake }, Object.values(phases).reduce((sum, ms) => sum + ms, 0) / 1000)
}

/** Whether an engine died unexpectedly, whatever the state it was in. */
const deaths = new Set(['LLMUX_ERR_PROCESS_DIED', 'LLMUX_ERR_WEDGED'])

function countEngine ({ model, from, to, error, startCause }: EngineChange, instruments: Instruments, failed: Set<string>): void {
  if (from === 'starting' && to === 'awake') instruments.count('llmux_engine_starts_total', { model })
  // A failed engine is stopped for a moment before it is tried again.
  if (to === 'starting' && (failed.delete(model) || from === 'stopping')) instruments.count('llmux_engine_restarts_total', { model })
  if (to === 'failed') failed.add(model)
  if (startCause !== undefined) instruments.count('llmux_engine_start_failures_total', { model, cause: startCause })
  if (error === undefined) return
  const running = from === 'awake' || from === 'asleep' || from === 'waking' || from === 'sleeping'
  if (running && (to === 'failed' || deaths.has((error as LlmuxError).code))) instruments.count('llmux_engine_crashes_total', { model })
}
