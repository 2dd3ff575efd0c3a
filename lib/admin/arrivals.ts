import type { LlmuxEvents } from '../events.ts'
import { arrivalColumns, recordArrivals } from '../host/record/arrivals.ts'

/** How many are kept: about 1 MB. */
const kept = 20_000

/** The requests that were served, for the simulator. */
export class Arrivals {
  readonly #lines: string[] = []

  constructor (events: LlmuxEvents) {
    recordArrivals(events, line => this.#keep(line), 0)
  }

  /** With a header, in the simulator's format. */
  get csv (): string {
    return `${[arrivalColumns, ...this.#lines].join('\n')}\n`
  }

  /** Drops several at a time: removing the first element of a long array costs as much as removing many. */
  #keep (line: string): void {
    this.#lines.push(line)
    if (this.#lines.length >= kept * 1.1) this.#lines.splice(0, this.#lines.length - kept)
  }
}
