import type { Timer } from '../clock.ts'
import type { Lease } from './lease.ts'
import { Ages } from './ages.ts'
import type { WaiterView } from './policy/policy.ts'

/** The answer to a request: granted or refused, exactly once, unless it leaves before. */
export interface Answer {
  granted: (lease: Lease) => void
  refused: (error: Error) => void
  /** Called once before that if the request has to wait, with a function that tells its outlook. */
  waiting?: (waiter: Waiter) => void
}

/** A request that comes back because its engine died. */
export interface Comeback {
  /** When it first arrived, in milliseconds since the epoch: its time limit runs from there. */
  since: number
  /** The request may have killed the engine. No two such requests are admitted at the same time. */
  suspect: boolean
  /** No other request is admitted beside it, until the engine's first byte shows that it is alive. */
  alone?: boolean
}

/** How much earlier a request counts as having arrived for each level of priority, in milliseconds. */
export const priorityStep = 5_000
/** Priorities are whole numbers from -5 to 5. */
export const highestPriority = 5

/** The time at which a request counts as having arrived: requests that arrive much later never overtake, even with a higher priority. */
export const turn = ({ since, priority }: WaiterView): number => since - priority * priorityStep

/** A request in a model's queue, not yet holding a lease. */
export interface Waiter extends Answer {
  readonly id: number
  /** When it first arrived, in milliseconds since the epoch. */
  readonly since: number
  /** When it entered this queue; later than `since` only for a request that came back. */
  readonly queued: number
  /** The id of Fastify's request (`request.id`), if it is one. */
  readonly request?: string | undefined
  /** The memory that it holds, in bytes. */
  readonly bytes: number
  /** From -5 to 5. */
  readonly priority: number
  /** Whether a model may be woken for it. If not, it is admitted only while its model is awake anyway. */
  readonly mayCauseSwitch: boolean
  /** Whether its engine may go to sleep while it is in flight. Default true. */
  readonly freezable?: boolean | undefined
  /** Ends its wait. */
  readonly timer: Timer
  /** Undefined for a request that arrives for the first time. */
  readonly comeback: Comeback | undefined
}

/**
 * The waiters of one model in the order of their turns: returned ones first, waiters that may not cause a switch last.
 * Removing from the middle costs no more than from the front.
 */
export class Queue implements Iterable<Waiter> {
  readonly #back = new Set<Waiter>()
  /** By priority: within one level the order of turns is that of arrival. */
  readonly #levels = new Map<number, Set<Waiter>>()
  readonly #passive = new Set<Waiter>()
  readonly #ages = new Ages()

  /** All of them. */
  get size (): number {
    return this.active + this.passive
  }

  /** Waiters for whom the model may be woken. */
  get active (): number {
    return this.#ages.count
  }

  /** Waiters that are admitted only while it is awake anyway. */
  get passive (): number {
    return this.#passive.size
  }

  /** When the first active waiter arrived, as its priority counts. */
  get oldest (): number | undefined {
    if (this.active === 0) return undefined
    const back = first(this.#back)
    const head = this.#head
    return Math.min(back === undefined ? Infinity : turn(back), head === undefined ? Infinity : turn(head))
  }

  /** The highest priority of new waiters that may cause a switch; undefined if there is none. */
  get priority (): number | undefined {
    let highest: number | undefined
    for (const [level, waiters] of this.#levels) {
      if (waiters.size > 0 && level > (highest ?? -Infinity)) highest = level
    }
    return highest
  }

  /** When the first active waiter arrived, whatever its priority. */
  get earliest (): number | undefined {
    if (this.active === 0) return undefined
    // Within a level the first arrived first.
    return Math.min(...[this.#back, ...this.#levels.values()].map(lane => first(lane)?.since ?? Infinity))
  }

  /** The total waiting time of the active waiters, as their priorities count. */
  age (now: number): number {
    return this.#ages.at(now)
  }

  /** The next waiter; `suspects`: whether one that may have killed the engine can be admitted. */
  next (suspects: boolean): Waiter | undefined {
    const mayCome = (waiter: Waiter) => suspects || waiter.comeback?.suspect !== true
    return find(this.#back, mayCome) ?? this.#head ?? find(this.#passive, mayCome)
  }

  /** Its position in the queue: 1 is next. Undefined if it is not in it. */
  place (waiter: Waiter): number | undefined {
    if (!this.has(waiter)) return undefined
    const lane = this.#lane(waiter)
    const isIt = (other: Waiter) => other === waiter
    if (lane === this.#back) return countUntil(lane, isIt) + 1
    if (lane === this.#passive) return this.active + countUntil(lane, isIt) + 1
    // Within a level the earlier turn is in front.
    const isLater = (other: Waiter) => other === waiter || turn(other) > turn(waiter)
    return [...this.#levels.values()].reduce((count, level) => count + countUntil(level, isLater), this.#back.size) + 1
  }

  /** All of them in the order of their turns. */
  get line (): Waiter[] {
    const active = [...this.#levels.values()].flatMap(level => [...level]).sort((a, b) => turn(a) - turn(b))
    return [...this.#back, ...active, ...this.#passive]
  }

  add (waiter: Waiter): void {
    this.#lane(waiter).add(waiter)
    if (waiter.mayCauseSwitch) this.#ages.add(turn(waiter))
  }

  has (waiter: Waiter): boolean {
    return this.#lane(waiter).has(waiter)
  }

  /** Returns whether it was there. */
  remove (waiter: Waiter): boolean {
    const there = this.#lane(waiter).delete(waiter)
    if (there && waiter.mayCauseSwitch) this.#ages.delete(turn(waiter))
    return there
  }

  * [Symbol.iterator] (): Generator<Waiter, void> {
    yield * this.#back
    for (const level of this.#levels.values()) yield * level
    yield * this.#passive
  }

  /** The next of the new waiters that may cause a switch. */
  get #head (): Waiter | undefined {
    let head: Waiter | undefined
    for (const level of this.#levels.values()) {
      const waiter = first(level)
      if (waiter !== undefined && (head === undefined || turn(waiter) < turn(head))) head = waiter
    }
    return head
  }

  #lane ({ comeback, priority, mayCauseSwitch }: Waiter): Set<Waiter> {
    if (!mayCauseSwitch) return this.#passive
    if (comeback !== undefined) return this.#back
    const level = this.#levels.get(priority) ?? new Set()
    this.#levels.set(priority, level)
    return level
  }
}

function first (waiters: Set<Waiter>): Waiter | undefined {
  return waiters.values().next().value
}

/** How many are in front of the first with this priority. */
function countUntil (waiters: Set<Waiter>, wanted: (waiter: Waiter) => boolean): number {
  let count = 0
  for (const waiter of waiters) {
    if (wanted(waiter)) break
    count++
  }
  return count
}

function find (waiters: Set<Waiter>, wanted: (waiter: Waiter) => boolean): Waiter | undefined {
  for (const waiter of waiters) {
    if (wanted(waiter)) return waiter
  }
  return undefined
}
