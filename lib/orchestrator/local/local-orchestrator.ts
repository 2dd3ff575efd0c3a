import type { LlmuxEvents } from '../../events.ts'
import type { ResolvedOptions } from '../../options/types.ts'
import type { Driver } from '../driver.ts'
import { GpuClaims } from '../gpus/claims.ts'
import { processCommand } from '../memory/gpu-processes.ts'
import { hostMemoryLimit } from '../memory/host-memory.ts'
import { memoryCommand } from '../memory/memory-command.ts'
import { Orchestrator, type OrchestratorOptions } from '../orchestrator.ts'
import { Ledger } from '../orphans/ledger.ts'
import { reclaimOrphans } from '../orphans/reclaim.ts'
import { LocalDriver, type LocalDriverOptions } from './local-driver.ts'

export interface LocalOrchestratorOptions extends Pick<OrchestratorOptions, 'clock' | 'onLost' | 'onFreed' | 'missed'>, Pick<LocalDriverOptions, 'onLine'> {
  events: LlmuxEvents
  options: Pick<ResolvedOptions, 'models' | 'gpuMemoryCommand' | 'hostMemory'>
  /** For listeners that follow the engines. */
  wrapDriver?: (driver: Driver) => Driver
}

/** An orchestrator of engines on this machine. What earlier gateways of this user left here is ended in the background. */
export function localOrchestrator ({ options, clock, events, onLine, onLost, onFreed, missed, wrapDriver = driver => driver }: LocalOrchestratorOptions): Orchestrator {
  const warn = (error: Error) => { events.emit('warning', { time: clock.now(), model: undefined, error }) }
  const ledger = new Ledger({ clock, onError: warn })
  // With each change of state there may be other processes.
  events.on('engine', () => ledger.touch())
  // The gateway that held them may have been killed: its engines go before ours start.
  const claims = new GpuClaims({ clock, onError: warn, onTakenOver: () => orchestrator.awaitOrphans(reclaimOrphans({ clock, warn })) })
  const orchestrator = new Orchestrator(options.models, {
    driver: wrapDriver(new LocalDriver({ clock, ledger, ...(onLine && { onLine }) })),
    clock,
    events,
    onLost,
    ...(onFreed !== undefined && { onFreed }),
    claims,
    hostMemory: hostMemoryLimit(options.hostMemory),
    ...(missed && { missed }),
    readMemory: memoryCommand(options.gpuMemoryCommand),
    readProcesses: processCommand(options.gpuMemoryCommand),
    // A little later, when listeners for warnings have registered.
    orphans: new Promise(resolve => setImmediate(resolve)).then(() => reclaimOrphans({ clock, warn }))
  })
  return orchestrator
}
