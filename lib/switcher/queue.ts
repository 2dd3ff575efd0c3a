import type { Timer } from '../clock.ts'
import type { Lease } from './lease.ts'
import { Ages } from './ages.ts'
import type { WaiterView } from './policy/policy.ts'

/** What a request is told: whether it is granted or refused, exactly once, unless it leaves before. */
export interface Answer {
  granted: (lease: Lease) => void
  refused: (error: Error) => void
  /** Before that, once, if it has to wait: by this it can ask for its outlook. */
  waiting?: (waiter: Waiter) => void
}

/** A request that comes back because its engine died. */
export interface Comeback {
  /** When it first came, in milliseconds since the epoch: its time limit runs from there. */
  since: number
  /** It may be what killed the engine: no two of these are let in at once. */
  suspect: boolean
  /** So much so that nobody else is let in beside it, until the engine's first byte has shown that it lives. */
  alone?: boolean
}

/** How much earlier a request counts as having come for each level of its priority, in milliseconds. */
export const priorityStep = 5_000
/** Priorities are whole numbers from minus this to this. */
export const highestPriority = 5

/** When a request counts as having come: nobody is overtaken by those who come much later, whatever their priority. */
export const turn = ({ since, priority }: WaiterView): number => since - priority * priorityStep

/** A request in a model's queue, not yet holding a lease. */
export interface Waiter extends Answer {
  readonly id: number
  /** When it first came, in milliseconds since the epoch. */
  readonly since: number
  /** When it came into this queue; later than `since` only for one that comes back. */
  readonly queued: number
  /** The id of the host's request, if it is one. */
  readonly request?: string | undefined
  /** What it holds in memory meanwhile. */
  readonly bytes: number
  /** From -5 to 5. */
  readonly priority: number
  /** Whether a model may be woken for it. If not, it is let in only while its model is awake anyway. */
  readonly mayCauseSwitch: boolean
  /** Whether its engine may be put to sleep in the midst of it, once it is let in. Default true. */
  readonly freezable?: boolean | undefined
  /** Ends its wait. */
  readonly timer: Timer
  /** Undefined for all that come for the first time. */
  readonly comeback: Comeback | undefined
}

/**
 * The waiters of one model in the order of their turns: those that come back before all others, those that may not cause
 * a switch after them. Leaving from the middle costs no more than leaving from the front.
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

  /** Those for whom the model may be woken. */
  get active (): number {
    return this.#ages.count
  }

  /** Those who are let in only while it is awake anyway. */
  get passive (): number {
    return this.#passive.size
  }

  /** When the first of the active ones came, as its priority counts. */
  get oldest (): number | undefined {
    if (this.active === 0) return undefined
    const back = first(this.#back)
    const head = this.#head
    return Math.min(back === undefined ? Infinity : turn(back), head === undefined ? Infinity : turn(head))
  }

  /** The highest of those that are here for the first time and may cause a switch; undefined if there is none. */
  get priority (): number | undefined {
    let highest: number | undefined
    for (const [level, waiters] of this.#levels) {
      if (waiters.size > 0 && level > (highest ?? -Infinity)) highest = level
    }
    return highest
  }

  /** When the first of the active ones came, whatever its priority. */
  get earliest (): number | undefined {
    if (this.active === 0) return undefined
    // Within a level the first came first.
    return Math.min(...[this.#back, ...this.#levels.values()].map(lane => first(lane)?.since ?? Infinity))
  }

  /** How long the active ones have waited, all together, as their priorities count. */
  age (now: number): number {
    return this.#ages.at(now)
  }

  /** Whose turn it is; `suspects`: whether one that may have killed the engine can be let in. */
  next (suspects: boolean): Waiter | undefined {
    const mayCome = (waiter: Waiter) => suspects || waiter.comeback?.suspect !== true
    return find(this.#back, mayCome) ?? this.#head ?? find(this.#passive, mayCome)
  }

  /** Its place in the line: 1 is next. Undefined if it is not there. */
  place (waiter: Waiter): number | undefined {
    if (!this.has(waiter)) return undefined
    const lane = this.#lane(waiter)
    const isIt = (other: Waiter) => other === waiter
    if (lane === this.#back) return countUntil(lane, isIt) + 1
    if (lane === this.#passive) return this.active + countUntil(lane, isIt) + 1
    // Within a level those whose turn comes first stand in front.
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

  /** Whose turn it is of those who are here for the first time and may cause a switch. */
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

/** How many stand in front of the first that is as wanted. */
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
