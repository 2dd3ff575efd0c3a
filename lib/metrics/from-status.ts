import type { EngineState } from '../events.ts'
import type { LlmuxStatus } from '../host/status.ts'
import type { Instruments } from './instruments.ts'

// An object, so that a missing state does not compile.
const states: Record<EngineState, true> = { stopped: true, starting: true, awake: true, sleeping: true, asleep: true, waking: true, stopping: true, failed: true }

/** What is so at this moment, when somebody looks. */
export function readStatus ({ models, gpuMemory, hostMemoryLimit }: LlmuxStatus, now: number, instruments: Instruments): void {
  if (hostMemoryLimit !== undefined) instruments.set('llmux_host_memory_limit_bytes', {}, hostMemoryLimit)
  for (const { name: model, state, waiting, frozen, inFlight, oldest, hostMemory = 0 } of models) {
    instruments.set('llmux_engine_host_memory_bytes', { model }, hostMemory)
    instruments.set('llmux_queue_length', { model }, waiting)
    instruments.set('llmux_queue_oldest_seconds', { model }, oldest === undefined ? 0 : Math.max(0, now - oldest) / 1000)
    instruments.set('llmux_requests_frozen', { model }, frozen)
    instruments.set('llmux_requests_in_flight', { model }, inFlight)
    for (const each of Object.keys(states)) instruments.set('llmux_engine_state', { model, state: each }, each === state ? 1 : 0)
  }
  for (const { gpu, used, total } of gpuMemory) {
    instruments.set('llmux_gpu_memory_used_bytes', { gpu: String(gpu) }, used)
    instruments.set('llmux_gpu_memory_total_bytes', { gpu: String(gpu) }, total)
  }
}
