import { LlmuxEvents, Switcher, createPolicy, systemClock } from './helpers/internals.js'
import { median, round } from './helpers/statistics.js'

/** @typedef {{ models: number, waiters: number }} Size */

/** A policy that stays, so that all go on waiting. */
const patient = { type: /** @type {const} */ ('even-handed'), beta: 1e9, maxWait: 3_600_000 }
/** @type {('even-handed' | 'fifo' | 'cost-aware' | 'time-slice' | 'simple')[]} */
const policies = ['even-handed', 'fifo', 'cost-aware', 'time-slice', 'simple']
const small = { models: 2, waiters: 1 }
const large = { models: 50, waiters: 1000 }

/**
 * What a decision costs with 50 models and 1,000 waiters, against 2 models and 1 waiter: each policy alone; and in the
 * switcher the way of one request to the awake model, from its arrival to the end of its lease, and of one that comes,
 * waits and leaves: two decisions each.
 * @param {import('./run.js').Options} options
 */
export async function decision ({ quick }) {
  /** @type {Record<string, (size: Size) => () => void>} */
  const steps = {
    ...Object.fromEntries(policies.map(policy => [`${policy} alone`, (/** @type {Size} */ size) => policyStep(size, policy)])),
    'two: a request to the awake model': leaseStep,
    'two: a waiter that comes and leaves': waiterStep,
    'the same after 100,000 requests': oldWaiterStep
  }
  return Object.entries(steps).map(([name, step]) => {
    const few = step(small)
    const many = step(large)
    // Compiled first.
    for (const step of [few, many]) microseconds(step, 2000)
    // Short ones, so that most are over before somebody else gets the core.
    const samples = Array.from({ length: quick ? 21 : 301 }, () => [microseconds(few, 50), microseconds(many, 10)])
    const [a, b] = [0, 1].map(index => median(samples.map(pair => /** @type {number} */ (pair[index]))))
    return { decision: name, 'µs, 2 models, 1 waiter': round(a ?? NaN), 'µs, 50 models, 1,000 waiters': round(b ?? NaN), ratio: round((b ?? NaN) / (a ?? NaN)) }
  })
}

/** @param {Size} size @param {typeof policies[number]} type */
function policyStep ({ models, waiters }, type) {
  const policy = createPolicy(type)
  const now = systemClock.now()
  const snapshot = {
    now,
    models: Array.from({ length: models }, (_, index) => ({
      id: `model-${index}`,
      awakeSince: index === 0 ? now - 1000 : undefined,
      inFlight: index === 0 ? 8 : 0,
      waiting: index === 0 ? 0 : Math.ceil(waiters / (models - 1)),
      oldest: index === 0 ? undefined : now - index,
      deadline: index === 0 ? undefined : now - index + 600_000,
      maxConcurrency: 256,
      passive: 0,
      age: index * 1000,
      queue: [],
      averageWaiting: 1,
      serviceTime: 4000,
      thawTime: 30,
      owed: 0,
      priority: 0,
      drainTime: 4000,
      firstSleep: 0,
      arrivalRate: 0.001,
      cold: false,
      draining: false,
      departureRate: 0,
      frozen: 0,
      frozenSince: undefined,
      freezes: false,
      limits: { queue: 600_000, drain: 300_000 },
      gpus: [0],
      gpuShare: 1,
      onGpu: index === 0,
      held: false
    })),
    costs: { initial: 10_000, wakes: {}, starts: {} }
  }
  return () => { policy(snapshot) }
}

/** A switcher with one model awake, and everybody waiting for the others. @param {Size} size */
function crowd ({ models, waiters }) {
  const answer = { granted: () => {}, refused: (/** @type {Error} */ error) => { throw error } }
  const switcher = new Switcher(Array.from({ length: models }, (_, index) => ({
    id: `model-${index}`, gpus: [0], gpuShare: 1, maxConcurrency: 256, timeouts: { queue: 3_600_000, drain: 3_600_000, passive: 3_600_000 }
  })), {
    engines: { prepare: (_id, done) => done(), wake: (_id, done) => done(), sleep: (_id, _level, done) => done(), cold: () => false, freezes: () => false, pins: () => false, runs: () => true, blocked: () => false },
    clock: { ...systemClock, setTimeout: (callback, ms) => /** @type {NodeJS.Timeout} */ (systemClock.setTimeout(callback, ms)).unref() },
    events: new LlmuxEvents(),
    policy: createPolicy(patient),
    limits: { maxQueue: waiters + 1, maxQueueBytes: 2 ** 30 }
  })
  switcher.switchTo('model-0', { done: () => {}, failed: error => { throw error } })
  // Somebody is served, and others may come: there is something to weigh.
  switcher.request('model-0', 0, answer)
  for (let i = 0; i < waiters; i++) switcher.request(`model-${1 + i % (models - 1)}`, 0, answer)
  return { switcher, answer }
}

/** @param {Size} size */
function leaseStep (size) {
  const { switcher, answer } = crowd(size)
  return () => { switcher.request('model-0', 0, { ...answer, granted: (/** @type {import('../lib/switcher/lease.ts').Lease} */ lease) => lease.release() }) }
}

/** @param {Size} size */
function waiterStep (size) {
  const { switcher, answer } = crowd(size)
  return () => { switcher.request('model-1', 0, answer)() }
}

/** Nothing grows with what has been. @param {Size} size */
function oldWaiterStep (size) {
  const step = leaseStep(size)
  for (let i = 0; i < 100_000; i++) step()
  return waiterStep(size)
}

/** Per call. @param {() => void} step @param {number} times */
function microseconds (step, times) {
  const begin = performance.now()
  for (let i = 0; i < times; i++) step()
  return (performance.now() - begin) * 1000 / times
}
