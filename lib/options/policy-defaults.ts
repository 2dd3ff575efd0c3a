import { given } from './given.ts'
import type { PolicyOption, PolicyOptions, ResolvedPolicy } from './policy-options.ts'
import type { Policy } from './policy-types.ts'

export const policyDefaults: Readonly<{ [Type in PolicyOptions['type']]: Extract<ResolvedPolicy, { type: Type }> }> = {
  'even-handed': { type: 'even-handed', beta: 0.5, maxWait: 60_000 },
  fifo: { type: 'fifo', minActive: 0 },
  'cost-aware': { type: 'cost-aware', amortizationFactor: 0.5, coalesceWindow: 2_000, maxWait: 15_000 },
  'time-slice': { type: 'time-slice', minQuantum: 2_000, maxWait: 15_000 },
  simple: { type: 'simple', perRequest: 3, perSecond: 0.3, maxWait: 120_000 }
}

/** Fills in the defaults of a valid option. */
export function resolvePolicy (option: PolicyOption): ResolvedPolicy | Policy {
  if (typeof option === 'function') return option
  if (typeof option === 'string') return policyDefaults[option]
  return { ...policyDefaults[option.type], ...given(option) } as ResolvedPolicy
}
