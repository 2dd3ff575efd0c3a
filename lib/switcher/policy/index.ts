import type { ResolvedOptions } from '../../options/types.ts'
import { fifo } from './fifo.ts'
import type { Policy } from './policy.ts'

export function createPolicy (options: ResolvedOptions['policy']): Policy {
  return fifo(options)
}
