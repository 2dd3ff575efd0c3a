import { PolicyError } from '../../errors.ts'
import { fits } from '../placement.ts'
import { fifo } from './fifo.ts'
import type { Decision, Policy, Snapshot } from './policy.ts'

const fallback = fifo({ type: 'fifo', minActive: 0 })

/** Asks a policy. If it throws or its answer is impossible, this is reported and `fifo` decides. */
export function ask (policy: Policy, snapshot: Snapshot, report: (error: Error) => void): Decision {
  try {
    const decision = policy(snapshot)
    const fault = nonsense(decision, snapshot)
    if (fault === undefined) return decision
    report(new PolicyError(fault))
  } catch (error) {
    report(new PolicyError(String(error), { cause: error }))
  }
  return fallback(snapshot)
}

/** What is wrong with a decision, in words; undefined if it is possible. */
function nonsense ({ wake, evict, freezeAt, lookAgainAt }: Decision, { models }: Snapshot): string | undefined {
  if (lookAgainAt !== undefined && !(lookAgainAt >= 0)) return `lookAgainAt is not a time: ${lookAgainAt}`
  if (freezeAt !== undefined && !(freezeAt >= 0)) return `freezeAt is not a time: ${freezeAt}`
  if (wake === undefined) return undefined
  const target = models.find(model => model.id === wake)
  if (target === undefined) return `there is no model ${wake}`
  if (target.waiting === 0) return `no request waits for ${wake}`
  if (target.awakeSince !== undefined) return `${wake} is awake`
  if (target.held) return `${wake} cannot be moved now`
  for (const id of evict) {
    const model = models.find(model => model.id === id)
    if (model?.awakeSince === undefined || model.held) return `${id} is not awake, or cannot be moved now`
  }
  if (new Set(evict).size < evict.length) return 'evict names a model twice'
  const staying = models.filter(model => model !== target && model.onGpu && !evict.includes(model.id))
  return fits(target, staying) ? undefined : `${wake} does not fit unless more models go`
}
