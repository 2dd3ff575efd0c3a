import type { Clock } from '../clock.ts'
import { SimulationError } from '../errors.ts'
import type { SwitchedModel } from '../switcher/slot.ts'
import type { Arrival } from './traffic/arrival.ts'

/** A policy that keeps requests waiting for this long after the last arrival keeps them waiting forever. Milliseconds. */
export const patience = 30 * 24 * 3_600_000

/** Nobody is turned away: what is compared is how long people wait. */
export const unlimited = { maxQueue: Infinity, maxQueueBytes: Infinity }

/** A model that takes a GPU for itself. */
export function simulatedModel (id: string, maxConcurrency = 32): SwitchedModel {
  return { id, gpus: [0], gpuShare: 1, maxConcurrency, freeze: false, timeouts: { queue: Infinity, drain: Infinity, passive: Infinity } }
}

/** The models that requests are for. */
export const modelsOf = (arrivals: readonly Arrival[]): string[] => [...new Set(arrivals.map(({ model }) => model))].sort()

/**
 * Lets requests arrive at their times. Only the next one is on the clock: a million timers would make it slow.
 *
 * @throws {SimulationError} if they are not in the order of their times
 */
export function playArrivals (clock: Clock, arrivals: readonly Arrival[], arrive: (arrival: Arrival) => void): void {
  let next = 0
  const awaitNext = () => {
    const arrival = arrivals[next++]
    if (arrival === undefined) return
    const delay = arrival.time - clock.now()
    if (!(delay >= 0)) throw new SimulationError(`request ${next} comes before the one ahead of it`)
    clock.setTimeout(() => {
      awaitNext()
      arrive(arrival)
    }, delay)
  }
  awaitNext()
}
