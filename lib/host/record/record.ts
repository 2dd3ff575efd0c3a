import type { Clock } from '../../clock.ts'
import type { LlmuxEvents } from '../../events.ts'
import type { RecordOptions } from '../../options/index.ts'
import type { Policy } from '../../switcher/policy/policy.ts'
import { Appender } from './appender.ts'
import { arrivalColumns, lastTime, recordArrivals } from './arrivals.ts'

/** Writes the files of the option `record`, until it is closed. */
export class Recorder {
  readonly #events: LlmuxEvents
  readonly #clock: Clock
  readonly #files: Appender[] = []
  readonly #decisions: Appender | undefined

  constructor ({ arrivals, decisions }: RecordOptions, { events, clock }: { events: LlmuxEvents, clock: Clock }) {
    this.#events = events
    this.#clock = clock
    if (arrivals !== undefined) this.#recordArrivals(arrivals)
    this.#decisions = decisions === undefined ? undefined : this.#open(decisions)
  }

  /** The policy, with a line for each decision. The line has the whole snapshot, so the decision can be replayed. */
  policy (policy: Policy): Policy {
    const file = this.#decisions
    if (file === undefined) return policy
    return snapshot => {
      const decision = policy(snapshot)
      file.write(JSON.stringify({ snapshot, decision }))
      return decision
    }
  }

  async close (): Promise<void> {
    await Promise.all(this.#files.map(file => file.close()))
  }

  #recordArrivals (path: string): void {
    const last = lastTime(path)
    const file = this.#open(path)
    if (last === undefined) file.write(arrivalColumns)
    // A restart is not a gap: no request could arrive.
    recordArrivals(this.#events, line => file.write(line), last ?? 0)
  }

  #open (path: string): Appender {
    const file = new Appender(path, error => this.#events.emit('warning', { time: this.#clock.now(), model: undefined, error }))
    this.#files.push(file)
    return file
  }
}
