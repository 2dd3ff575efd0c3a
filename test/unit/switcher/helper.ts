import type { ModelView, Snapshot } from '../../../lib/switcher/policy/policy.ts'

/** A model as a policy sees it: asleep, unless `awakeSince` is given, and alone on its GPU. */
export function view (id: string, more: Partial<ModelView> = {}): ModelView {
  return {
    id,
    awakeSince: undefined,
    inFlight: 0,
    maxConcurrency: 256,
    waiting: 0,
    frozen: 0,
    frozenSince: undefined,
    freezes: false,
    passive: 0,
    oldest: undefined,
    deadline: undefined,
    age: 0,
    queue: [],
    averageWaiting: 0,
    serviceTime: 4_000,
    thawTime: 0,
    firstSleep: 0,
    owed: 0,
    priority: undefined,
    drainTime: 4_000,
    arrivalRate: 0,
    cold: false,
    draining: false,
    departureRate: 0,
    limits: { queue: 600_000, drain: 300_000 },
    gpus: [0],
    gpuShare: 1,
    onGpu: more.awakeSince !== undefined,
    held: false,
    ...more
  }
}

/** What a policy is asked: nothing has been learned of switches, unless `wakes` or `starts` are given. */
export function snapshot (now: number, models: ModelView[], costs: Partial<Snapshot['costs']> = {}): Snapshot {
  return { now, models, costs: { initial: 10_000, wakes: {}, starts: {}, ...costs } }
}
