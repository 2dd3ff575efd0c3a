import type { Clock } from '../clock.ts'
import { LongWaitError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Directory } from '../directory.ts'
import type { LlmuxOptions, ResolvedOptions } from '../options/index.ts'
import { longestWait } from '../switcher/policy/bound.ts'
import type { Switcher } from '../switcher/switcher.ts'

export type FairnessOptions = Pick<ResolvedOptions, 'policy' | 'priority'>

/** Milliseconds after which a request has its answer or is refused, while engines work. */
export function promisedWait (options: FairnessOptions, { models }: Pick<Directory, 'models'>, switcher: Switcher) {
  const policy = policyWait(options, switcher)
  const queue = Math.max(...models.map(({ timeouts }) => timeouts.queue))
  return {
    /** By the policy, with what has been learned so far; undefined for a function of the host's. */
    policy,
    /** By `timeouts.queue`. */
    queue,
    /** What is promised: the smaller of the two. */
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
 * Says at the start if the host's options leave it to the queue limit to end waits. Of our defaults, which do so as soon as
 * there are two models, it is said in the documentation: nobody would read a warning that always comes.
 */
export function warnOfLongWaits (given: LlmuxOptions, options: FairnessOptions, { directory, switcher, events, clock }: WarningContext): void {
  if (!choosesLimits(given)) return
  const longest = policyWait(options, switcher)
  const limit = Math.min(...directory.models.map(({ timeouts }) => timeouts.queue))
  if (longest === undefined || longest <= limit) return
  events.emit('warning', { time: clock.now(), model: undefined, error: new LongWaitError(Math.round(longest), limit) })
}

function choosesLimits ({ policy, timeouts, models }: LlmuxOptions): boolean {
  // Of the time limits those that bound a wait: who sets another one has said nothing of it.
  const limits = [timeouts, ...Object.values(models).map(model => model.timeouts)]
  return policy !== undefined || limits.some(chosen => chosen?.queue !== undefined || chosen?.drain !== undefined)
}

function policyWait ({ policy, priority }: FairnessOptions, switcher: Switcher): number | undefined {
  return longestWait({ policy, priorities: priority !== false }, { models: switcher.status().models, costs: switcher.learned.costs })
}
