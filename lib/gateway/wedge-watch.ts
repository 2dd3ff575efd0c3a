import type { Clock, Timer } from '../clock.ts'

export interface WedgeWatchOptions {
  clock: Clock
  /** How long the engine may be silent. Milliseconds. */
  limit: number
  /** Probes the engine; resolves with whether it answered in time. Does not reject. */
  responds: () => Promise<boolean>
  /** The engine has been silent for too long. */
  onWedged: () => void
}

/** One long step of an engine blocks a probe as well; only several in a row count. */
const leastMisses = 3
const probesPerLimit = 6

/**
 * Watches one engine as long as requests wait for their first byte from it. A core that is stopped or stuck answers nothing,
 * while `/health` continues to answer 200.
 */
export class WedgeWatch {
  readonly #options: WedgeWatchOptions
  // A number: a Set with many additions and removals leaves old tables behind, which stay until the next full collection.
  #waiting = 0
  #timer: Timer | undefined
  #lastSign = 0
  #misses = 0

  constructor (options: WedgeWatchOptions) {
    this.#options = options
  }

  /** A request waits on the engine. */
  add (): void {
    if (++this.#waiting > 1) return
    this.#sign()
    this.#probeLater()
  }

  /** The request got its first byte, or no longer waits. */
  remove (): void {
    if (--this.#waiting === 0) this.#options.clock.clearTimeout(this.#timer)
  }

  #probeLater (): void {
    const { clock, limit } = this.#options
    this.#timer = clock.setTimeout(() => this.#probe(), Math.max(1, limit / probesPerLimit))
  }

  #probe (): void {
    this.#options.responds().then(answered => {
      if (this.#waiting === 0) return
      if (answered) this.#sign()
      else this.#miss()
      this.#options.clock.clearTimeout(this.#timer)
      this.#probeLater()
    }, error => { throw error })
  }

  #sign (): void {
    this.#lastSign = this.#options.clock.now()
    this.#misses = 0
  }

  #miss (): void {
    const { clock, limit, onWedged } = this.#options
    this.#misses++
    if (this.#misses < leastMisses || clock.now() - this.#lastSign < limit) return
    this.#sign()
    onWedged()
  }
}
