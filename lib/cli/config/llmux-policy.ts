import { given } from '../../options/defaults.ts'
import type { LlmuxOptions } from '../../options/types.ts'
import type { Note } from './config.ts'
import type { Fields } from './fields.ts'

/** As documented: by mistake 0.3 itself took others, 0 and no drain, where the whole section was absent. */
const documented = { 'llmux 0.3': { requestTimeout: 60, minActive: 5 }, 'llmux 0.9': { requestTimeout: 300, minActive: 5 } }

interface Given {
  type: string
  minActive: number | undefined
  coalesceWindow: number | undefined
  amortizationFactor: number | undefined
  maxWait: number | undefined
  tick: number | undefined
  minQuantum: number | undefined
}

const second = 1_000

const seconds = (value: number | undefined): number | undefined => value === undefined ? undefined : Math.round(value * second)

function readGiven (policy: Fields | undefined): Given {
  return {
    type: policy?.string('policy_type') ?? 'fifo',
    minActive: seconds(policy?.number('min_active_secs')),
    coalesceWindow: policy?.number('coalesce_window_ms'),
    amortizationFactor: policy?.number('amortization_factor'),
    maxWait: seconds(policy?.number('max_wait_secs')),
    tick: policy?.number('tick_interval_ms'),
    minQuantum: policy?.number('min_quantum_ms')
  }
}

/** The options `policy` and `timeouts`. */
export function readPolicy (policy: Fields | undefined, shape: keyof typeof documented, notes: Note[]): Pick<LlmuxOptions, 'policy' | 'timeouts'> {
  const defaults = documented[shape]
  const note = (name: string, text: string) => { notes.push({ field: `policy.${name}`, text }) }
  const timeouts: LlmuxOptions['timeouts'] = { queue: seconds(policy?.number('request_timeout_secs') || defaults.requestTimeout) as number }
  if (policy?.any('request_timeout_secs') === 0) note('request_timeout_secs', `0 would refuse every request that has to wait: the documented ${defaults.requestTimeout} s apply`)
  if (policy?.boolean('drain_before_switch') === false) {
    timeouts.drain = 1
    note('drain_before_switch', 'false: requests in flight are cut at a switch (timeouts.drain: 1). Leave it out to let them finish')
  }
  return { policy: optionOf(readGiven(policy), defaults.minActive * second, note), timeouts }
}

function optionOf (read: Given, defaultMinActive: number, note: (name: string, text: string) => void): NonNullable<LlmuxOptions['policy']> {
  const { type, minActive, coalesceWindow, amortizationFactor, maxWait, tick, minQuantum } = read
  const unused = (name: string, value: unknown, text: string) => { if (value !== undefined) note(name, text) }
  if (type === 'cost_aware') {
    unused('min_active_secs', minActive, 'is ignored: cost-aware weighs what a switch costs instead')
    unused('tick_interval_ms', tick, 'is ignored: it is for time_slice')
    unused('min_quantum_ms', minQuantum, 'is ignored: it is for time_slice')
    return { type: 'cost-aware', ...given({ coalesceWindow, amortizationFactor, maxWait }) }
  }
  if (type === 'time_slice') {
    unused('min_active_secs', minActive, 'is ignored: time-slice has min_quantum_ms')
    unused('tick_interval_ms', tick, 'is ignored: decisions are made when something happens, not by ticks')
    unused('coalesce_window_ms', coalesceWindow, 'is ignored: it is for cost_aware')
    unused('amortization_factor', amortizationFactor, 'is ignored: it is for cost_aware')
    return { type: 'time-slice', ...given({ minQuantum, maxWait }) }
  }
  if (type !== 'fifo') note('policy_type', `${JSON.stringify(type)} is unknown: fifo is taken, as llmux did`)
  const others = { coalesce_window_ms: coalesceWindow, amortization_factor: amortizationFactor, max_wait_secs: maxWait, tick_interval_ms: tick, min_quantum_ms: minQuantum }
  for (const [name, value] of Object.entries(others)) unused(name, value, 'is ignored: fifo has no use for it')
  return { type: 'fifo', minActive: minActive ?? defaultMinActive }
}
