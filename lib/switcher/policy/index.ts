import { resolvePolicy } from '../../options/index.ts'
import type { PolicyOption } from '../../options/index.ts'
import { fifo } from './fifo.ts'
import type { Policy } from './policy.ts'

/** The policy of that name, or with those options; a function is one already. */
export function createPolicy (option: PolicyOption): Policy {
  const options = resolvePolicy(option)
  if (typeof options === 'function') return options
  switch (options.type) {
    case 'fifo': return fifo(options)
    default: return fifo({ type: 'fifo', minActive: 0 })
  }
}
