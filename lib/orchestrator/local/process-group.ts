import type { Clock } from '../../clock.ts'
import { groupMembers, isAlive, type ProcessStat } from './proc.ts'

export type Kill = (pid: number, signal: NodeJS.Signals | 0) => void

export const systemKill: Kill = (pid, signal) => { process.kill(pid, signal) }

export interface GroupContext {
  clock: Clock
  /** Called once, when the group is seen empty. */
  onEmpty: () => void
  kill?: Kill
  members?: (group: number) => Promise<ProcessStat[] | undefined>
}

/** Milliseconds between looks: the first come quickly, because somebody waits for the GPU. */
const firstPause = 1
const longestPause = 50
/** From this pause on also /proc is read, which costs more than a signal. */
const scanPause = 16

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

/** One process group, until nobody of it is left. From then on its number may be somebody else's, and is never used again. */
export class ProcessGroup {
  readonly id: number
  readonly #clock: Clock
  readonly #onEmpty: () => void
  readonly #kill: Kill
  readonly #members: NonNullable<GroupContext['members']>
  #empty = false

  constructor (id: number, { clock, onEmpty, kill = systemKill, members = groupMembers }: GroupContext) {
    this.id = id
    this.#clock = clock
    this.#onEmpty = onEmpty
    this.#kill = kill
    this.#members = members
  }

  /** Sends a signal to every member. */
  signal (signal: NodeJS.Signals): void {
    this.#reach(signal)
  }

  /** Resolves with true as soon as nobody alive is left, with false after `limit` milliseconds. */
  async waitEmpty (limit: number): Promise<boolean> {
    const deadline = this.#clock.now() + limit
    for (let pause = firstPause; !await this.#look(pause >= scanPause); pause = Math.min(2 * pause, longestPause)) {
      const left = deadline - this.#clock.now()
      if (left <= 0) return await this.#look(true)
      await new Promise<void>(resolve => { this.#clock.setTimeout(resolve, Math.min(pause, left)) })
    }
    return true
  }

  async #look (scan: boolean): Promise<boolean> {
    if (!this.#reach(0)) return true
    if (!scan) return false
    const members = await this.#members(this.id)
    // None at all, though a signal found some, is a moment between the two looks, or a /proc that hides them.
    if (members === undefined || members.length === 0 || members.some(isAlive)) return false
    this.#markEmpty()
    return true
  }

  /** Whether a signal reached anybody, were it a zombie. */
  #reach (signal: NodeJS.Signals | 0): boolean {
    if (this.#empty) return false
    try {
      this.#kill(-this.id, signal)
    } catch (error) {
      // Those we may not signal are there all the same.
      if (codeOf(error) !== 'ESRCH') return true
      this.#markEmpty()
      return false
    }
    return true
  }

  #markEmpty (): void {
    if (this.#empty) return
    this.#empty = true
    this.#onEmpty()
  }
}
