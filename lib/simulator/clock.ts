import type { Clock, Timer } from '../clock.ts'

interface SimulatedTimer {
  readonly time: number
  readonly order: number
  readonly callback: () => void
  pending: boolean
}

/** A callback that arms the next one for the same instant, again and again, would never let time pass. */
const mostAtOneInstant = 100_000

/**
 * A clock that only moves when it is told to. Timers run in the order of their times, those of one time in the order in
 * which they were set. A heap, and cancelled timers are dropped when they come up; one for `Infinity` never does, and is
 * not kept.
 */
export class SimulatedClock implements Clock {
  #now: number
  #heap: SimulatedTimer[] = []
  #pending = 0
  #order = 0

  constructor (now = 1_000_000) {
    this.#now = now
  }

  now (): number {
    return this.#now
  }

  /** Timers set, and neither run nor cleared yet. */
  get pending (): number {
    return this.#pending
  }

  setTimeout (callback: () => void, milliseconds: number): Timer {
    if (!(milliseconds >= 0)) throw new RangeError(`a timer of ${milliseconds} ms`)
    const timer: SimulatedTimer = { time: this.#now + milliseconds, order: ++this.#order, callback, pending: true }
    this.#pending++
    if (timer.time < Infinity) this.#push(timer)
    return timer
  }

  clearTimeout (timer: Timer): void {
    const simulated = timer as SimulatedTimer | undefined
    if (simulated?.pending !== true) return
    simulated.pending = false
    this.#pending--
  }

  /** Lets time pass, and runs what comes due meanwhile. */
  advance (milliseconds: number): void {
    const end = this.#now + milliseconds
    while (this.#dueBy(end)) this.#runInstant()
    this.#now = end
  }

  /** Jumps to the next timer, and runs all that are due then. Returns whether there was one. */
  advanceToNext (): boolean {
    if (!this.#dueBy(Infinity)) return false
    this.#runInstant()
    return true
  }

  #dueBy (time: number): boolean {
    while (this.#heap[0]?.pending === false) this.#pop()
    return this.#heap[0] !== undefined && this.#heap[0].time <= time
  }

  #runInstant (): void {
    this.#now = Math.max(this.#now, this.#heap[0]!.time)
    for (let runs = 0; this.#dueBy(this.#now); runs++) {
      if (runs > mostAtOneInstant) throw new Error(`timers without end at ${this.#now}`)
      const timer = this.#pop()
      timer.pending = false
      this.#pending--
      timer.callback()
    }
  }

  #push (timer: SimulatedTimer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  #pop (): SimulatedTimer {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    return first
  }

  #sink (timer: SimulatedTimer): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, timer)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = timer
  }
}

function before (a: SimulatedTimer, b: SimulatedTimer): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}
