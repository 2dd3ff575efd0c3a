import type { Clock } from '../clock.ts'
import { LongWaitError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { ResolvedOptions } from '../options/index.ts'
import { longestWait } from '../switcher/policy/bound.ts'
import type { Switcher } from '../switcher/switcher.ts'

type FairnessOptions = Pick<ResolvedOptions, 'policy' | 'priority' | 'models'>

/** Milliseconds after which a request has its answer or is refused, while engines work. */
export function promisedWait (options: FairnessOptions, switcher: Switcher) {
  const policy = policyWait(options, switcher)
  const queue = Math.max(...options.models.map(({ timeouts }) => timeouts.queue))
  return {
    /** By the policy, with what has been learned so far; undefined for a function of the host's. */
    policy,
    /** By `timeouts.queue`. */
    queue,
    /** What is promised: the smaller of the two. */
    promised: Math.min(policy ?? queue, queue)
  }
}

/** Says at the start if the options leave it to the queue limit to end waits. */
export function warnOfLongWaits (options: FairnessOptions, { switcher, events, clock }: { switcher: Switcher, events: LlmuxEvents, clock: Clock }): void {
  const longest = policyWait(options, switcher)
  const limit = Math.min(...options.models.map(({ timeouts }) => timeouts.queue))
  if (longest === undefined || longest <= limit) return
  events.emit('warning', { time: clock.now(), model: undefined, error: new LongWaitError(Math.round(longest), limit) })
}

function policyWait ({ policy, priority }: FairnessOptions, switcher: Switcher): number | undefined {
  return longestWait({ policy, priorities: priority !== false }, { models: switcher.status().models, costs: switcher.learned.costs })
}
