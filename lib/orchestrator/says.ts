import type { Clock } from '../clock.ts'
import { HealthTimeoutError } from '../errors.ts'
import type { ResolvedModel } from '../options/types.ts'
import type { Driver } from './driver.ts'
import { withTimeLimit } from './time-limit.ts'

export interface Questioned {
  model: ResolvedModel
  driver: Driver
  clock: Clock
}

/** What an engine says to a question, as long as it lives and within the limit of one probe; false if it says nothing. */
export async function says ({ model, driver, clock }: Questioned, dead: AbortSignal, question: 'probe' | 'responds'): Promise<boolean> {
  const { id, timeouts: { health } } = model
  try {
    return await withTimeLimit({ clock, limit: health, timeout: () => new HealthTimeoutError(id, health), signals: [dead] }, signal => driver[question](model, signal))
  } catch {
    // Too late, or dead meanwhile: either way the answer is no.
    return false
  }
}
