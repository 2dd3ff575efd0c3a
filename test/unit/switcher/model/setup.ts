import fc from 'fast-check'
import { mustGo } from '../../../../lib/switcher/placement.ts'
import type { Freeze } from '../../../../lib/options/types.ts'
import { fifo } from '../../../../lib/switcher/policy/fifo.ts'
import { stay } from '../../../../lib/switcher/policy/policy.ts'
import type { Decision, Policy, Snapshot } from '../../../../lib/switcher/policy/policy.ts'

/** What stays the same during one run. */
export interface Setup {
  models: { gpus: number[], gpuShare: number, maxConcurrency: number, queue: number, drain: number, idleTimeout: number, idleStopTimeout: number, keepAwake: boolean, freeze: Freeze }[]
  policy: 'fifo' | 'minActive' | 'freezing' | 'erratic'
  /** Whether engines go on after a sleep with the requests that they had. */
  keeping: boolean
  limits: { maxQueue: number, maxQueueBytes: number }
  /** Whether those who listen to events, and those who are answered, call the switcher in the midst of it. */
  meddling: boolean
}

const placement: fc.Arbitrary<Pick<Setup['models'][number], 'gpus' | 'gpuShare'>> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ gpus: fc.constant<number[]>([0]), gpuShare: fc.constant(1) }) },
  { weight: 3, arbitrary: fc.record({ gpus: fc.subarray([0, 1, 2], { minLength: 1 }), gpuShare: fc.constantFrom(1, 0.5, 0.3, 0.7) }) }
)

/** Two that are kept awake at each other's cost are refused at registration: here they may be, and must not stop the time. */
const idleness: fc.Arbitrary<Pick<Setup['models'][number], 'idleTimeout' | 'idleStopTimeout' | 'keepAwake'>> = fc.constantFrom(
  { idleTimeout: 0, idleStopTimeout: 0, keepAwake: false },
  { idleTimeout: 30, idleStopTimeout: 0, keepAwake: false },
  { idleTimeout: 30, idleStopTimeout: 300, keepAwake: false },
  { idleTimeout: 0, idleStopTimeout: 300, keepAwake: false },
  { idleTimeout: 0, idleStopTimeout: 0, keepAwake: true }
)

const model = fc.tuple(placement, idleness, fc.record({
  maxConcurrency: fc.constantFrom(1, 2, 256),
  queue: fc.constantFrom(100, 1_000, 10_000),
  drain: fc.constantFrom(50, 500, 5_000),
  freeze: fc.constantFrom<Freeze[]>(true, true, 'late', false)
})).map(([place, idle, rest]) => ({ ...place, ...idle, ...rest }))

export const setups: fc.Arbitrary<Setup> = fc.record({
  models: fc.array(model, { minLength: 1, maxLength: 5 }),
  policy: fc.constantFrom('fifo', 'fifo', 'minActive', 'freezing', 'freezing', 'erratic'),
  keeping: fc.boolean(),
  limits: fc.constantFrom({ maxQueue: 1_000, maxQueueBytes: 1_000 }, { maxQueue: 3, maxQueueBytes: 20 }),
  meddling: fc.boolean()
})

export const policies: Record<Setup['policy'], Policy> = {
  fifo: fifo({ type: 'fifo', minActive: 0 }),
  minActive: fifo({ type: 'fifo', minActive: 200 }),
  freezing: snapshot => ({ ...fifo({ type: 'fifo', minActive: 100 })(snapshot), freezeAt: snapshot.now + 20 * (snapshot.models[0]!.waiting % 2) }),
  erratic
}

/** Pure, as a policy must be, but without any sense: throws, names who is not there, stays, takes any candidate, evicts more than it must. */
function erratic (snapshot: Snapshot): Decision {
  const { now, models } = snapshot
  const dice = hash([now, ...models.flatMap(model => [model.waiting, model.inFlight, model.awakeSince ?? 0])])
  const candidates = models.filter(model => model.waiting > 0 && model.awakeSince === undefined && !model.held)
  const candidate = candidates[dice % (candidates.length || 1)]
  const evict = candidate && mustGo(candidate, models)
  switch (dice % 8) {
    case 0: throw new Error('erratic')
    case 1: return { wake: 'nobody', evict: [], lookAgainAt: undefined }
    case 2: return { wake: models[0]!.id, evict: models.map(({ id }) => id), lookAgainAt: NaN }
    case 3: return stay(now + dice % 50)
    case 4: return stay()
    case 5: return { ...stay(now), evict: undefined as unknown as [] }
  }
  if (candidate === undefined || evict === undefined) return stay(now + 20)
  const more = models.filter(model => model.awakeSince !== undefined && !model.held && dice % 3 === 0).map(({ id }) => id)
  return { wake: candidate.id, evict: [...new Set([...evict, ...more])], freezeAt: dice % 5 === 0 ? now : undefined, lookAgainAt: undefined }
}

function hash (numbers: number[]): number {
  let sum = 17
  for (const number of numbers) sum = (Math.imul(sum, 31) + Math.floor(number)) >>> 0
  return sum % 1_009
}
