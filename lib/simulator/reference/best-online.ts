import { SimulationError } from '../../errors.ts'
import type { Policy } from '../../switcher/policy/policy.ts'
import { stay } from '../../switcher/policy/policy.ts'
import { arrivalsDuring } from './two-models.ts'
import type { TwoModels } from './two-models.ts'

export interface BestOnline {
  /** Requests that wait or are frozen, on average over time. */
  waiting: number
  /** Milliseconds that a request waits or is frozen on average: from its arrival to its end, but for its time in the engine. */
  wait: number
  /** Whether to leave the awake model: no new leases, and the switch when those granted are back. */
  leaves: (awake: 0 | 1, inFlight: number, waitingHere: number, waitingThere: number) => boolean
  /** Whether to freeze those in flight then, rather than to wait for them. */
  freezes: (awake: 0 | 1, inFlight: number, waitingHere: number, waitingThere: number) => boolean
}

/** How far apart the bounds of the mean may still be, as a share of it. */
const precision = 1e-3
const mostSteps = 200_000

/**
 * The best that any policy can do for two models that does not know the future: a semi-Markov decision process over who is
 * awake, how many are in flight and how many wait for either, solved by relative value iteration, which bounds the mean
 * from both sides. Throws `LLMUX_ERR_SIMULATION` if there is no end to it.
 */
export function bestOnline (models: TwoModels): BestOnline {
  const values = new Values(models)
  for (let step = 1; step < mostSteps; step++) {
    const [least, most] = values.step()
    if (most - least > precision * least) continue
    const waiting = (least + most) / 2
    const wait = waiting / (models.rates[0] + models.rates[1]) * 1000
    return {
      waiting,
      wait,
      leaves: (awake, inFlight, here, there) => values.leaves(awake, inFlight, here, there),
      freezes: (awake, inFlight, here, there) => values.freezes(awake, inFlight, here, there)
    }
  }
  throw new SimulationError(`the values of ${JSON.stringify(models)} have not settled after ${mostSteps} steps`)
}

/** Where traffic ends the policy would wait for more of it. Milliseconds. */
const patience = 600_000

/** That policy for the switcher. */
export function bestOnlinePolicy ({ leaves, freezes }: BestOnline, names: readonly [string, string]): Policy {
  return ({ now, models }) => {
    const awake = models.find(model => model.awakeSince !== undefined && !model.held)
    const other = models.find(model => model.awakeSince === undefined && !model.held && model.waiting > 0)
    if (awake === undefined || other === undefined) return stay()
    const index = awake.id === names[0] ? 0 : 1
    const late = other.oldest! + patience
    const leave = leaves(index, awake.inFlight, awake.waiting, other.waiting) || now >= late
    const freezeAt = freezes(index, awake.inFlight, awake.waiting, other.waiting) ? now : undefined
    return leave ? { wake: other.id, evict: [awake.id], freezeAt, lookAgainAt: undefined } : stay(late)
  }
}

/**
 * What each state costs more than others in the long run. `on`: nothing is done until something happens. `best`: what is best
 * is done first. Everything is looked at once per tick, as long as the shortest time between two events is on average.
 */
class Values {
  readonly #models: TwoModels
  readonly #side: number
  /** States from one number of requests in flight to the next. */
  readonly #block: number
  /** Ticks per second. */
  readonly #ticks: number
  readonly #on: Float64Array
  readonly #best: Float64Array
  /** By awake model and queues: after the switch. */
  readonly #arrived: Float64Array[]

  constructor (models: TwoModels) {
    const { rates, services, maxConcurrency, queue } = models
    this.#models = models
    this.#side = queue + 1
    this.#block = this.#side ** 2
    this.#ticks = 1.01 * (rates[0] + rates[1] + maxConcurrency * 1000 / Math.min(...services))
    const states = 2 * (maxConcurrency + 1) * this.#block
    this.#on = new Float64Array(states)
    this.#best = new Float64Array(states)
    this.#arrived = [0, 1].map(() => new Float64Array(this.#block))
  }

  leaves (awake: 0 | 1, inFlight: number, here: number, there: number): boolean {
    const { queue, maxConcurrency } = this.#models
    const state = this.#state(awake, inFlight, Math.min(here, queue), Math.min(there, queue))
    const open = this.#on[this.#admitting(state, Math.min(here, queue, maxConcurrency - inFlight))]!
    const away = this.#gone(awake, inFlight, here, there, state)
    return (inFlight === 0 ? away : Math.min(away, this.#on[state]!)) < open
  }

  freezes (awake: 0 | 1, inFlight: number, here: number, there: number): boolean {
    const { queue } = this.#models
    const state = this.#state(awake, inFlight, Math.min(here, queue), Math.min(there, queue))
    return inFlight > 0 && this.#gone(awake, inFlight, here, there, state) < this.#on[state]!
  }

  /** One tick more. Returns bounds of the mean number of waiters. */
  step (): [number, number] {
    for (const awake of [0, 1] as const) this.#arrive(awake)
    for (const awake of [0, 1] as const) this.#goOn(awake)
    const changes = [this.#decide(0), this.#decide(1)]
    const [least, most] = [Math.min(...changes.map(([least]) => least)), Math.max(...changes.map(([, most]) => most))]
    // Only differences matter: the values are kept from growing.
    const first = this.#best[0]!
    for (let state = 0; state < this.#best.length; state++) this.#best[state]! -= first
    return [least * this.#ticks, most * this.#ticks]
  }

  #state (awake: number, inFlight: number, here: number, there: number): number {
    return ((awake * (this.#models.maxConcurrency + 1) + inFlight) * this.#side + here) * this.#side + there
  }

  /** The state after that many have been let in. */
  #admitting (state: number, count: number): number {
    return state + count * (this.#block - this.#side)
  }

  /** What nothing but waiting for the next event is worth: an arrival here or there, or one that is done. */
  #goOn (awake: 0 | 1): void {
    const { rates, services, maxConcurrency, queue } = this.#models
    const best = this.#best
    const [hereRate, thereRate, doneRate] = [rates[awake], rates[1 - awake]!, 1000 / services[awake]].map(rate => rate / this.#ticks) as [number, number, number]
    let state = this.#state(awake, 0, 0, 0)
    for (let inFlight = 0; inFlight <= maxConcurrency; inFlight++) {
      const done = doneRate * inFlight
      const back = inFlight > 0 ? this.#block : 0
      for (let here = 0; here <= queue; here++) {
        const come = here < queue ? this.#side : 0
        for (let there = 0; there <= queue; there++, state++) {
          this.#on[state] = (here + there) / this.#ticks + hereRate * best[state + come]! + thereRate * best[there < queue ? state + 1 : state]! +
            done * best[state - back]! + (1 - hereRate - thereRate - done) * best[state]!
        }
      }
    }
  }

  /** Let in all that can be, let nobody in, or go. Returns the least and the largest change of a value. */
  #decide (awake: 0 | 1): [number, number] {
    const { maxConcurrency, queue } = this.#models
    let [least, most] = [Infinity, -Infinity]
    let state = this.#state(awake, 0, 0, 0)
    for (let inFlight = 0; inFlight <= maxConcurrency; inFlight++) {
      for (let here = 0; here <= queue; here++) {
        const open = Math.min(here, maxConcurrency - inFlight) * (this.#block - this.#side)
        for (let there = 0; there <= queue; there++, state++) {
          let value = Math.min(this.#on[state]!, this.#on[state + open]!)
          value = Math.min(value, this.#gone(awake, inFlight, here, there, state))
          const change = value - this.#best[state]!
          if (change < least) least = change
          if (change > most) most = change
          // Nobody else reads it in this step: `away` looks at the own state only.
          this.#best[state] = value
        }
      }
    }
    return [least, most]
  }

  /**
   * What it is worth to go now: with nobody in flight, or where they can be frozen. Times in the engine have no memory, so that
   * one that is frozen is as good as one that has not begun.
   */
  #gone (awake: 0 | 1, inFlight: number, here: number, there: number, state: number): number {
    const { queue, freeze = false } = this.#models
    return inFlight === 0 || freeze ? this.#away(awake, Math.min(here + inFlight, queue), Math.min(there, queue), state) : Infinity
  }

  /** What a switch is worth, for one tick of it: its mean cost, and the share of it that is over. */
  #away (awake: 0 | 1, here: number, there: number, state: number): number {
    const { rates, costs } = this.#models
    const seconds = costs[awake] / 1000
    const waiting = here + there + (rates[0] + rates[1]) * seconds / 2
    const share = 1 / (seconds * this.#ticks)
    return waiting / this.#ticks + share * this.#arrived[awake]![there * this.#side + here]! + (1 - share) * this.#best[state]!
  }

  /** During a switch nobody is served, and more come for both; then the other is awake. */
  #arrive (awake: 0 | 1): void {
    const { rates, costs } = this.#models
    const other = 1 - awake
    const begin = this.#state(other, 0, 0, 0)
    const after = this.#best.subarray(begin, begin + this.#block)
    const here = arrivalsDuring(rates[awake], costs[awake])
    const there = arrivalsDuring(rates[other]!, costs[awake])
    // In `after` the rows are the queue of the other model. Transposed twice, each by one of the two.
    this.#arrived[awake] = shifted(shifted(after, here, this.#side), there, this.#side)
  }
}

/** The mean of each row of a square after that many more have come to its columns, as a column. */
function shifted (square: Float64Array, arrivals: readonly number[], side: number): Float64Array {
  const result = new Float64Array(side * side)
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      let sum = 0
      for (let more = 0; more < arrivals.length; more++) sum += arrivals[more]! * square[row * side + Math.min(side - 1, column + more)]!
      result[column * side + row] = sum
    }
  }
  return result
}
