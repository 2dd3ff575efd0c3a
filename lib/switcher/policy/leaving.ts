import { mustGo } from '../placement.ts'
import type { ModelView } from './policy.ts'

/** The models that would make room for a candidate, with figures that are the same for every candidate. Empty if there is room. */
export interface Leaving {
  models: readonly ModelView[]
  /** The GPUs of all of them. */
  gpus: readonly number[]
  /** How many requests they have. */
  inFlight: number
  /** When the last of them woke. */
  awakeSince: number
  /** Whether all of them can go to sleep with requests in flight. */
  freezes: boolean
  /** Whether one of them has begun to drain. */
  draining: boolean
  /** When the first request arrived that waits for room at one that does not drain; `Infinity` if there is none. */
  oldest: number
  /** The longest average time of a request in one of their engines, in milliseconds. */
  serviceTime: number
}

/** The models that make room, computed once for all candidates with the same GPUs and share, as most have. */
export class Leavings {
  readonly #onGpu: readonly ModelView[]
  readonly #known: { place: ModelView, leaving: Leaving | undefined }[] = []

  constructor (models: readonly ModelView[]) {
    this.#onGpu = models.filter(model => model.onGpu)
  }

  /** Undefined if they cannot move now. */
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
