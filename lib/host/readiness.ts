import { ClosingError } from '../errors.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'
import type { StartCheck } from './start-check.ts'

export interface Readiness {
  ready: boolean
  /** Why not, in words. */
  reason?: string
  /** What prevents some models, in words, while others can be served. */
  obstacles?: string[]
}

export interface ReadinessContext {
  switcher: Switcher
  orchestrator: Orchestrator
  startCheck: StartCheck
}

/** Ready as long as one model can be served: it is awake, or nothing known prevents its start. */
export function readiness (ids: string[], { switcher, orchestrator, startCheck }: ReadinessContext): Readiness {
  if (switcher.closed) return { ready: false, reason: new ClosingError().message }
  const held = switcher.controls.refusal?.message ?? switcher.controls.closed
  if (held !== undefined) return { ready: false, reason: held }
  const known = ids.flatMap(id => switcher.obstacle(id) ?? orchestrator.obstacle(id) ?? inPause(orchestrator.snapshot(id)) ?? startCheck.obstacle(id) ?? [])
  const obstacles = known.map(({ message }) => message)
  if (obstacles.length === ids.length) return { ready: false, reason: obstacles.join('; ') }
  return { ready: true, ...(obstacles.length > 0 && { obstacles }) }
}

/**
 * After a failed start the gateway evicts no model for it for a while. Then a request may try again, and requests come only
 * to a ready gateway.
 */
function inPause ({ retryAt, error }: ReturnType<Orchestrator['snapshot']>): Error | undefined {
  return retryAt === undefined ? undefined : error
}
