import { ArrivalRate, TimeAverage } from './averages.ts'
import { MovingAverage } from './moving-average.ts'
import { ServiceTime } from './service-time.ts'

/** The figures of one model that are kept between runs, in milliseconds; undefined if not measured. */
export interface KnownFigures {
  serviceTime?: number | undefined
  drainTime?: number | undefined
  thawTime?: number | undefined
  firstSleep?: number | undefined
}

/** Measurements of one model's requests. Memory does not grow with their number. */
export class ModelFigures {
  /** Milliseconds a request stays in the engine. */
  readonly serviceTime: ServiceTime
  /** Milliseconds from the order to make room until its last request was done. */
  readonly drainTime: MovingAverage
  /** Milliseconds from the wake until the requests continue, for each frozen request. */
  readonly thawTime: MovingAverage
  /** Milliseconds that the first sleep of its processes takes, in which host memory is pinned. */
  readonly firstSleep: MovingAverage
  readonly arrivals = new ArrivalRate()
  /** The number of waiting requests. */
  readonly waiting = new TimeAverage()

  constructor ({ serviceTime, drainTime, thawTime, firstSleep }: KnownFigures = {}) {
    this.serviceTime = new ServiceTime({ initial: 4_000, weight: 0.05, outlier: 10 }, serviceTime)
    this.drainTime = new MovingAverage({ initial: 4_000, weight: 0.3, outlier: 10 }, drainTime)
    // Measured on an H100 with 7 billion parameters and short answers.
    this.thawTime = new MovingAverage({ initial: 30, weight: 0.1, outlier: 10 }, thawTime)
    this.firstSleep = new MovingAverage({ initial: 0, weight: 0.3, outlier: 10 }, firstSleep)
  }

  toJSON (): KnownFigures {
    return { serviceTime: this.serviceTime.learned, drainTime: this.drainTime.learned, thawTime: this.thawTime.learned, firstSleep: this.firstSleep.learned }
  }
}
