import { mustGo } from '../placement.ts'
import type { ModelView } from './policy.ts'

/** Those who would have to go for a model, and what is the same for whoever they go for. Empty where there is room. */
export interface Leaving {
  models: readonly ModelView[]
  /** Those of all of them. */
  gpus: readonly number[]
  /** How many requests they have. */
  inFlight: number
  /** When the last of them woke. */
  awakeSince: number
  /** Whether all of them may be put to sleep with requests in flight. */
  freezes: boolean
  /** Whether one of them has begun to drain. */
  draining: boolean
  /** When the first came of those who wait for room at one that does not drain; `Infinity` if nobody does. */
  oldest: number
  /** The longest time that a request stays in an engine of theirs, in milliseconds. */
  serviceTime: number
}

/** Who must go for a model, so that it is asked for once for all that have the same place: most have. */
export class Leavings {
  readonly #onGpu: readonly ModelView[]
  readonly #known: { place: ModelView, leaving: Leaving | undefined }[] = []

  constructor (models: readonly ModelView[]) {
    this.#onGpu = models.filter(model => model.onGpu)
  }

  /** Undefined if they cannot go now. */
  for (model: ModelView): Leaving | undefined {
    for (const { place, leaving } of this.#known) {
      if (samePlace(place, model)) return leaving
    }
    const ids = mustGo(model, this.#onGpu)
    const leaving = ids && summary(this.#onGpu.filter(({ id }) => ids.includes(id)))
    this.#known.push({ place: model, leaving })
    return leaving
  }
}

function samePlace (a: ModelView, b: ModelView): boolean {
  return a.gpuShare === b.gpuShare && a.gpus.length === b.gpus.length && a.gpus.every((gpu, index) => gpu === b.gpus[index])
}

function summary (models: readonly ModelView[]): Leaving {
  const leaving = { models, gpus: models.flatMap(({ gpus }) => gpus), inFlight: 0, awakeSince: 0, freezes: true, draining: false, oldest: Infinity, serviceTime: 0 }
  for (const { inFlight, awakeSince, freezes, draining, oldest, serviceTime } of models) {
    leaving.inFlight += inFlight
    leaving.awakeSince = Math.max(leaving.awakeSince, awakeSince!)
    leaving.freezes &&= freezes
    leaving.draining ||= draining
    if (!draining) leaving.oldest = Math.min(leaving.oldest, oldest ?? Infinity)
    leaving.serviceTime = Math.max(leaving.serviceTime, serviceTime)
  }
  return leaving
}
