import type { Clock } from '../clock.ts'
import { SharedMemoryError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Machine, ResolvedModel } from '../options/index.ts'

/** Says at the start which models would free nothing by sleeping at level 1: their weights go to host memory, which is the GPU's. */
export function warnOfSharedMemory (models: readonly ResolvedModel[], { gpus = [] }: Pick<Machine, 'gpus'>, { events, clock }: { events: LlmuxEvents, clock: Clock }): void {
  const shared = gpus.filter(({ total, uuid }) => total === undefined && !uuid.startsWith('MIG-')).map(({ index }) => index)
  for (const { id, sleepLevel, sleepMode, gpus } of models) {
    const gpu = gpus.find(gpu => shared.includes(gpu))
    if (gpu === undefined || sleepLevel !== 1 || sleepMode !== true) continue
    events.emit('warning', { time: clock.now(), model: id, error: new SharedMemoryError(id, gpu) })
  }
}
