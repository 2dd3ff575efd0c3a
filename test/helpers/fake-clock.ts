import type { Clock, Timer } from '../../lib/clock.ts'

interface FakeTimer {
  readonly time: number
  readonly order: number
  readonly callback: () => void
  pending: boolean
}

/** A callback that arms the next one for the same instant, again and again, would never let time pass. */
const mostAtOneInstant = 100_000

/**
 * A clock that only moves when it is told to. Timers run in the order of their times, those of one time in the order in
 * which they were set. Fast enough for a simulator: a heap, and cancelled timers are dropped when they come up.
 */
export class FakeClock implements Clock {
  #now: number
  #heap: FakeTimer[] = []
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
    const timer: FakeTimer = { time: this.#now + milliseconds, order: ++this.#order, callback, pending: true }
    this.#pending++
    this.#push(timer)
    return timer
  }

  clearTimeout (timer: Timer): void {
    const fake = timer as FakeTimer | undefined
    if (fake?.pending !== true) return
    fake.pending = false
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

  #push (timer: FakeTimer): void {
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

  #pop (): FakeTimer {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    return first
  }

  #sink (timer: FakeTimer): void {
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

function before (a: FakeTimer, b: FakeTimer): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}
