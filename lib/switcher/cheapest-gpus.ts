import type { AnyPlace } from '../options/gpus.ts'
import { fits } from './placement.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

interface Situation {
  slots: readonly Slot[]
  transitions: ReadonlySet<Transition>
  isFixed: (slot: Slot) => boolean
}

/** During a switch, new requests wait for it. More than any possible queue. */
const busy = 1e6

/** Of two GPUs that cost the same: the one where fewer engines keep memory, and rather where it is already. */
const perSleeper = 1e-3
const move = 1e-6

/** The GPUs on which it costs the others least to make this model awake, in the order in which the machine has them. */
export function cheapestGpus (slot: Slot, { gpus, candidates, count }: AnyPlace, situation: Situation): number[] {
  const costs = candidates.map(gpu => ({ gpu, cost: costOn(gpu, slot, situation) + (gpus.includes(gpu) ? 0 : move) }))
  return costs.toSorted((a, b) => a.cost - b.cost || a.gpu - b.gpu).slice(0, count).map(({ gpu }) => gpu).sort((a, b) => a - b)
}

/** The requests, in flight and waiting, that this model would be in the way of; one for a model that has none. */
function costOn (gpu: number, slot: Slot, situation: Situation): number {
  const { slots, transitions } = situation
  const others = slots.filter(other => other !== slot && other.model.gpus.includes(gpu))
  const here = { gpus: [gpu], gpuShare: slot.model.gpuShare }
  const awake = others.filter(other => other.awake)
  const staying = new Set(awake.map(other => other.model))
  if (!fits(here, awake.filter(other => situation.isFixed(other)).map(({ model }) => model))) return Infinity
  let cost = 0
  for (const other of awake.filter(other => !situation.isFixed(other)).sort((a, b) => a.leases.size - b.leases.size)) {
    if (fits(here, staying)) break
    staying.delete(other.model)
    cost += 1 + other.leases.size
  }
  for (const other of others) cost += other.awake ? 0 : other.wanted + (other.usedAt === undefined ? 0 : perSleeper)
  if ([...transitions].some(({ slots }) => slots.some(({ model }) => model.gpus.includes(gpu)))) cost += busy
  return cost
}
