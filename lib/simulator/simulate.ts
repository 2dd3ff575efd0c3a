import { LlmuxEvents } from '../events.ts'
import type { TransitionChange } from '../events.ts'
import { AnyPlace } from '../options/gpus.ts'
import type { Freeze, PolicyOption } from '../options/types.ts'
import { createPolicy } from '../switcher/policy/index.ts'
import type { Lease } from '../switcher/lease.ts'
import type { SwitchedModel } from '../switcher/slot.ts'
import { Switcher } from '../switcher/switcher.ts'
import { SimulationError } from '../errors.ts'
import { SimulatedClock } from './clock.ts'
import type { Costs } from './costs.ts'
import { SimulatedEngines } from './engines.ts'
import { modelsOf, patience, playArrivals, simulatedModel, unlimited } from './play.ts'
import { waitStatistics } from './statistics.ts'
import type { Wait, WaitStatistics } from './statistics.ts'
import { Timeline } from './timeline.ts'
import type { Arrival } from './traffic/arrival.ts'

export interface SimulationOptions {
  /** In the order of their times. */
  arrivals: readonly Arrival[]
  /** As the plugin's option `policy`. */
  policy: PolicyOption
  costs: Costs
  /** Requests that an engine works on at once. Default 32. Minimum 1. */
  maxConcurrency?: number
  /** As the plugin's option `freeze`. Default `false`. */
  freeze?: Freeze
  /** Who is awake when it begins. Default: the model of the first request. */
  awake?: string
  /** Where models live that share a GPU or have one of their own. Default: each takes the whole of GPU 0. */
  placement?: Record<string, Partial<Pick<SwitchedModel, 'gpus' | 'gpuShare'>>>
  /** GPUs of the machine. Each model takes one of them, as with `gpus: { any: 1 }`, unless `placement` says which. Default 1. */
  gpus?: number
  /** Requests that come before it, in milliseconds, are served but not counted. Default 0. */
  countFrom?: number
  /** Whether to keep what a picture is drawn from. Default `false`. */
  timeline?: boolean
}

export interface SimulationResult extends WaitStatistics {
  switches: number
  /** The share of the time from the first arrival to the last answer in which a GPU was going from one model to another; of several GPUs the mean. */
  switching: number
  /** That time, in milliseconds. */
  duration: number
  timeline?: Timeline
}

/**
 * Sends recorded or generated requests through the switcher and the policy of production, on a simulated clock and simulated
 * engines. The same input has the same result.
 *
 * @throws {SimulationError} if the policy fails, or leaves a request waiting forever.
 */
export function simulate (options: SimulationOptions): SimulationResult {
  return new Simulation(options).run()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #clock = new SimulatedClock(0)
  readonly #switcher: Switcher
  readonly #waits: Wait[] = []
  readonly #timeline: Timeline | undefined
  #served = 0
  #switches = 0
  #switching = 0
  #failure: Error | undefined
  readonly #awake: string

  constructor (options: SimulationOptions) {
    const { arrivals, policy, costs } = options
    const models = modelsOf(arrivals)
    this.#options = options
    this.#awake = options.awake ?? arrivals[0]?.model ?? ''
    if (options.timeline) this.#timeline = new Timeline(models)
    const events = new LlmuxEvents()
    events.on('transition', change => this.#moved(change))
    events.on('warning', ({ error }) => this.#fail(error))
    this.#switcher = new Switcher(models.map(id => switched(id, options)), {
      engines: new SimulatedEngines(this.#clock, costs, this.#awake, options.freeze !== undefined && options.freeze !== false),
      clock: this.#clock,
      events,
      policy: createPolicy(policy),
      limits: unlimited
    })
  }

  run (): SimulationResult {
    const { arrivals } = this.#options
    if (arrivals.length === 0) return this.#result()
    this.#switcher.switchTo(this.#awake, { done: () => {}, failed: error => this.#fail(error) })
    this.#clock.advance(0)
    this.#switches = 0
    playArrivals(this.#clock, arrivals, arrival => this.#arrive(arrival))
    const end = arrivals.at(-1)!.time + patience
    while (this.#served < arrivals.length && this.#clock.now() < end && this.#clock.advanceToNext()) {
      if (this.#failure !== undefined) throw this.#failure
    }
    const left = arrivals.length - this.#served
    if (left > 0) throw new SimulationError(`${left} requests are still waiting after ${Math.round(this.#clock.now() / 1000)} s`)
    return this.#result()
  }

  #result (): SimulationResult {
    const duration = this.#clock.now() - (this.#options.arrivals[0]?.time ?? 0)
    return {
      ...waitStatistics(this.#waits),
      switches: this.#switches,
      switching: duration === 0 ? 0 : this.#switching / duration / (this.#options.gpus ?? 1),
      duration,
      ...(this.#timeline && { timeline: this.#timeline })
    }
  }

  #arrive ({ time, model, service }: Arrival): void {
    this.#timeline?.waiting(model, time, 1)
    this.#switcher.request(model, 0, {
      granted: lease => {
        const now = this.#clock.now()
        this.#timeline?.waiting(model, now, -1)
        this.#serve(lease, { time, model, service }, now - time)
      },
      refused: error => this.#fail(error)
    })
  }

  /** Its time in the engine stands still while the engine sleeps. */
  #serve (lease: Lease, { time, model, service }: Arrival, wait: number): void {
    const { countFrom = 0, costs: { thaw = 0 } } = this.#options
    // A stream has had its first byte by the time at which it is frozen.
    if (thaw > 0) lease.output = 1
    const done = () => {
      this.#served++
      if (time >= countFrom) this.#waits.push({ model, wait, end: this.#clock.now() - time, service })
      lease.release()
    }
    let left = service
    let since = this.#clock.now()
    let timer = this.#clock.setTimeout(done, left)
    lease.whenFrozen(frozen => {
      const now = this.#clock.now()
      this.#clock.clearTimeout(timer)
      // Not below zero, which sums of fractions may be.
      if (frozen) left = Math.max(0, left - (now - since))
      else {
        const all = thaw === 0 ? 0 : thaw * this.#frozen(model)
        timer = this.#clock.setTimeout(done, left += all)
        // What the switcher learns of it: of so many a stream goes on in the middle on average.
        if (all > 0) this.#clock.setTimeout(() => { lease.output++ }, (all + thaw) / 2)
      }
      since = now
    })
  }

  /** How many an engine works on that is awake again after a freeze. */
  #frozen (model: string): number {
    return this.#switcher.status().models.find(({ id }) => id === model)!.inFlight
  }

  /** Noted only: the switcher continues even if a callback throws. */
  #fail (error: Error): void {
    this.#failure ??= new SimulationError(error.message, { cause: error })
  }

  #moved ({ time, model, from, to, evict, duration }: TransitionChange): void {
    if (from === 'evicting' || from === 'waking') this.#switching += duration
    if (from === 'waking' && to === 'idle') this.#switches++
    const timeline = this.#timeline
    if (timeline === undefined) return
    if (to === 'draining') evict.forEach(id => timeline.state(id, time, 'draining'))
    if (to === 'evicting') evict.forEach(id => timeline.state(id, time, 'asleep'))
    if (to === 'waking') timeline.state(model, time, 'switching')
    if (to === 'idle') from === 'waking' ? timeline.state(model, time, 'awake') : evict.forEach(id => timeline.state(id, time, 'awake'))
  }
}

function switched (id: string, { maxConcurrency, placement, gpus = 1, freeze = false }: SimulationOptions): SwitchedModel {
  const model = { ...simulatedModel(id, maxConcurrency), ...placement?.[id], freeze }
  if (gpus === 1 || placement?.[id]?.gpus !== undefined) return model
  const place = new AnyPlace(1, Array.from({ length: gpus }, (_, index) => ({ index, device: String(index) })))
  return Object.defineProperties(model, { place: { value: place }, gpus: { get: () => place.gpus } })
}
