import type { Clock } from '../clock.ts'
import type { SleepLevel } from '../options/types.ts'
import type { Done, EnginePort } from '../switcher/engine-port.ts'
import { costOf } from './costs.ts'
import type { Costs } from './costs.ts'

/** Engines that do nothing but take their time: going to sleep none, waking what the switch costs. */
export class SimulatedEngines implements EnginePort {
  readonly #clock: Clock
  readonly #costs: Costs
  readonly #started: Set<string>
  readonly #freezes: boolean
  /** Awake from the beginning, and not woken yet. */
  #first: string | undefined
  #last: string | undefined

  /** `awake` is so from the beginning: its first wake costs nothing. */
  constructor (clock: Clock, costs: Costs, awake: string, freezes: boolean) {
    this.#freezes = freezes
    this.#clock = clock
    this.#costs = costs
    this.#started = new Set([awake])
    this.#first = awake
  }

  prepare (_id: string, done: Done): void {
    done()
  }

  sleep (id: string, _level: SleepLevel | undefined, done: Done): void {
    this.#last = id
    done()
  }

  wake (id: string, done: Done): void {
    const cost = id === this.#first ? 0 : costOf(this.#costs, this.#last, id, this.cold(id))
    this.#first = this.#last = undefined
    this.#started.add(id)
    this.#clock.setTimeout(() => done(), cost)
  }

  cold (id: string): boolean {
    return this.#costs.start !== undefined && !this.#started.has(id)
  }

  freezes (): boolean {
    return this.#freezes
  }

  pins (): boolean {
    return false
  }

  runs (id: string): boolean {
    return this.#started.has(id)
  }

  blocked (): boolean {
    return false
  }
}
