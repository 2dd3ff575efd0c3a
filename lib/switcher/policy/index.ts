import { resolvePolicy } from '../../options/defaults.ts'
import type { PolicyOption, ResolvedPolicy } from '../../options/index.ts'
import { costAware } from './cost-aware.ts'
import { evenHanded } from './even-handed.ts'
import { fifo } from './fifo.ts'
import type { Policy } from './policy.ts'
import { simple } from './simple.ts'
import { timeSlice } from './time-slice.ts'

/** The policy with that name, or with those options; functions are returned as they are. The option has been checked. */
export function createPolicy (option: PolicyOption): Policy {
  const options = resolvePolicy(option)
  return typeof options === 'function' ? options : ours(options)
}

function ours (options: ResolvedPolicy): Policy {
  switch (options.type) {
    case 'even-handed': return evenHanded(options)
    case 'fifo': return fifo(options)
    case 'cost-aware': return costAware(options)
    case 'time-slice': return timeSlice(options)
    case 'simple': return simple(options)
  }
}
