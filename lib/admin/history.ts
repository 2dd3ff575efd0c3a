import type { Clock, Timer } from '../clock.ts'
import type { EngineChange, LlmuxEvents, ResponseEnd, TransitionChange } from '../events.ts'

/** How many of each are kept: the last hour of a busy gateway, or the last week of a quiet one. */
export const kept = { engines: 1_000, transitions: 1_000, counts: 1_800, responses: 200 }

/** Milliseconds between readings of the counts, while there is traffic. */
const interval = 2_000

/** In flight, waiting and frozen, by model; models without requests are left out. */
export interface Counts {
  time: number
  models: Record<string, [inFlight: number, waiting: number, frozen: number]>
}

interface Counted {
  name: string
  inFlight: number
  waiting: number
  frozen?: number
}

/** The past, from events, for a viewer that has just opened. */
export class History {
  readonly engines: EngineChange[] = []
  /** Finished ones only. */
  readonly transitions: TransitionChange[] = []
  /** Latest last. */
  readonly responses: ResponseEnd[] = []
  readonly counts: Counts[] = []
  readonly #clock: Clock
  readonly #count: () => Counted[]
  #timer: Timer

  constructor (events: LlmuxEvents, clock: Clock, count: () => Counted[]) {
    this.#clock = clock
    this.#count = count
    events.on('engine', change => keep(this.engines, change, kept.engines))
    events.on('transition', change => { if (change.to === 'idle') keep(this.transitions, change, kept.transitions) })
    events.on('response', end => keep(this.responses, end, kept.responses))
    events.on('request', () => this.#lookSoon())
  }

  /** Entries that are not older. Milliseconds since the epoch. */
  since (time: number) {
    const recent = (one: { time: number }) => one.time >= time
    return {
      time: this.#clock.now(),
      engines: this.engines.filter(recent),
      transitions: this.transitions.filter(recent),
      responses: this.responses.filter(recent),
      counts: this.counts.filter(recent)
    }
  }

  close (): void {
    this.#clock.clearTimeout(this.#timer)
  }

  /** Requests come by the hundred, so they are counted at intervals, not one by one. */
  #lookSoon (): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#look()
    }, interval)
  }

  #look (): void {
    const busy = this.#count().filter(({ inFlight, waiting, frozen = 0 }) => inFlight + waiting + frozen > 0)
    const models = Object.fromEntries(busy.map(({ name, inFlight, waiting, frozen = 0 }) => [name, [inFlight, waiting, frozen] as Counts['models'][string]]))
    keep(this.counts, { time: this.#clock.now(), models }, kept.counts)
    // Long streams emit no event while they run.
    if (busy.length > 0) this.#lookSoon()
  }
}

function keep<T> (list: T[], one: T, most: number): void {
  list.push(one)
  if (list.length > most) list.shift()
}
