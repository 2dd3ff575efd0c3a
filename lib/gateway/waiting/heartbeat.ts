import type { Clock, Timer } from '../../clock.ts'

export interface HeartbeatOptions {
  clock: Clock
  /** Milliseconds between beats. */
  interval: number
  beat: () => void
}

/** Beats at once and then at each interval, until it is stopped. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #timer: Timer | undefined

  constructor (options: HeartbeatOptions) {
    this.#options = options
  }

  start (): void {
    const { clock, interval, beat } = this.#options
    this.stop()
    beat()
    this.#timer = clock.setTimeout(() => this.start(), interval)
  }

  stop (): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
