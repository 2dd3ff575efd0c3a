import { ArrivalRate } from './arrival-rate.ts'
import { MovingAverage } from './moving-average.ts'
import { TimeAverage } from './time-average.ts'

/** What of one model is worth keeping between runs, in milliseconds; undefined if nothing has been measured. */
export interface KnownFigures {
  serviceTime?: number | undefined
  drainTime?: number | undefined
  thawTime?: number | undefined
}

/** Measured on one model's requests. What is kept does not grow with their number. */
export class ModelFigures {
  /** Milliseconds a request stays in the engine. */
  readonly serviceTime: MovingAverage
  /** Milliseconds from when it was to go until its last request was done. */
  readonly drainTime: MovingAverage
  /** Milliseconds for each request that its engine was frozen with, from the wake until it goes on. */
  readonly thawTime: MovingAverage
  readonly arrivals = new ArrivalRate()
  /** How many wait for it. */
  readonly waiting = new TimeAverage()

  constructor ({ serviceTime, drainTime, thawTime }: KnownFigures = {}) {
    this.serviceTime = new MovingAverage({ initial: 4_000, weight: 0.05, outlier: 10 }, serviceTime)
    this.drainTime = new MovingAverage({ initial: 4_000, weight: 0.3, outlier: 10 }, drainTime)
    // Seen on an H100 with 7 billion parameters and short answers.
    this.thawTime = new MovingAverage({ initial: 30, weight: 0.1, outlier: 10 }, thawTime)
  }

  toJSON (): KnownFigures {
    return { serviceTime: this.serviceTime.learned, drainTime: this.drainTime.learned, thawTime: this.thawTime.learned }
  }
}
