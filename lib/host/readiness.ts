import { ClosingError } from '../errors.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'

export interface Readiness {
  ready: boolean
  /** Why not, in words. */
  reason?: string
}

/** Ready as long as one model can be served: awake, or with nothing known to be in the way of its start. */
export function readiness (ids: string[], switcher: Switcher, orchestrator: Orchestrator): Readiness {
  if (switcher.closed) return { ready: false, reason: new ClosingError().message }
  const held = switcher.controls.closed
  if (held !== undefined) return { ready: false, reason: held }
  const obstacles = ids.map(id => switcher.obstacle(id) ?? inPause(orchestrator.snapshot(id)))
  if (obstacles.includes(undefined)) return { ready: true }
  return { ready: false, reason: obstacles.map(error => error!.message).join('; ') }
}

/** After a start that failed nobody is evicted for it for a while. Then it is worth a request again, which only comes to who is ready. */
function inPause ({ retryAt, error }: ReturnType<Orchestrator['snapshot']>): Error | undefined {
  return retryAt === undefined ? undefined : error
}
