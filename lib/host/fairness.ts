import type { Clock } from '../clock.ts'
import { LongWaitError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Directory } from '../directory.ts'
import type { LlmuxOptions, ResolvedOptions } from '../options/index.ts'
import { longestWait } from '../switcher/policy/bound.ts'
import type { Switcher } from '../switcher/switcher.ts'

export type FairnessOptions = Pick<ResolvedOptions, 'policy' | 'priority'>

/** Milliseconds after which a request has its answer or is refused, as long as engines work. */
export function promisedWait (options: FairnessOptions, { models }: Pick<Directory, 'models'>, switcher: Switcher) {
  const policy = policyWait(options, switcher)
  const queue = Math.max(...models.map(({ timeouts }) => timeouts.queue))
  return {
    /** The policy's bound, with the costs learned so far; undefined for a policy function of your own. */
    policy,
    /** The bound by `timeouts.queue`. */
    queue,
    /** The promise: the smaller of the two. */
    promised: Math.min(policy ?? queue, queue)
  }
}

interface WarningContext {
  directory: Pick<Directory, 'models'>
  switcher: Switcher
  events: LlmuxEvents
  clock: Clock
}

/**
 * Warns at the start if the options leave it to the queue limit to end waits. The defaults do so with two or more models;
 * the documentation says it, because nobody reads a warning that always appears.
 */
export function warnOfLongWaits (given: LlmuxOptions, options: FairnessOptions, { directory, switcher, events, clock }: WarningContext): void {
  if (!choosesLimits(given)) return
  const longest = policyWait(options, switcher)
  const limit = Math.min(...directory.models.map(({ timeouts }) => timeouts.queue))
  if (longest === undefined || longest <= limit) return
  events.emit('warning', { time: clock.now(), model: undefined, error: new LongWaitError(Math.round(longest), limit) })
}

function choosesLimits ({ policy, timeouts, models }: LlmuxOptions): boolean {
  // The time limits that bound a wait. Setting another one is no statement about waits.
  const limits = [timeouts, ...Object.values(models).map(model => model.timeouts)]
  return policy !== undefined || limits.some(chosen => chosen?.queue !== undefined || chosen?.drain !== undefined)
}

function policyWait ({ policy, priority }: FairnessOptions, switcher: Switcher): number | undefined {
  return longestWait({ policy, priorities: priority !== false }, { models: switcher.status().models, costs: switcher.learned.costs })
}
