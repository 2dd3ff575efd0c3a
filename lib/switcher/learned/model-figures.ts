import { ArrivalRate } from './arrival-rate.ts'
import { MovingAverage } from './moving-average.ts'
import { TimeAverage } from './time-average.ts'

/** What of one model is worth keeping between runs, in milliseconds; undefined if nothing has been measured. */
export interface KnownFigures {
  serviceTime?: number | undefined
  drainTime?: number | undefined
}

/** Measured on one model's requests. What is kept does not grow with their number. */
export class ModelFigures {
  /** Milliseconds a request stays in the engine. */
  readonly serviceTime: MovingAverage
  /** Milliseconds from when it was to go until its last request was done. */
  readonly drainTime: MovingAverage
  readonly arrivals = new ArrivalRate()
  /** How many wait for it. */
  readonly waiting = new TimeAverage()

  constructor ({ serviceTime, drainTime }: KnownFigures = {}) {
    this.serviceTime = new MovingAverage({ initial: 4_000, weight: 0.05, outlier: 10 }, serviceTime)
    this.drainTime = new MovingAverage({ initial: 4_000, weight: 0.3, outlier: 10 }, drainTime)
  }

  toJSON (): KnownFigures {
    return { serviceTime: this.serviceTime.learned, drainTime: this.drainTime.learned }
  }
}
