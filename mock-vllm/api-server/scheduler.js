import { performance } from 'node:perf_hooks'

/** @typedef {import('./job.js').Job} Job */

/**
 * Which requests run, which wait, and when each has its next token. One timer for all streams; no message to EngineCore per token:
 * its state is read before each step instead.
 */
export class Scheduler {
  /** @type {Set<Job>} */
  #running = new Set()
  /** @type {Set<Job>} */
  #waiting = new Set()
  /** @type {'no' | 'new' | 'all'} as vLLM's PauseState */
  #paused = 'no'
  /** ms on the clock of `performance.now()` */
  #pausedAt = 0
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #stepScheduled = false
  #frozen = false
  /** @type {(() => void)[]} */
  #idle = []
  #limit
  #engineState

  /**
   * @param {number} limit requests that run at once
   * @param {() => 'running' | 'stopped' | 'gone'} engineState
   */
  constructor (limit, engineState) {
    this.#limit = limit
    this.#engineState = engineState
  }

  get running () {
    return this.#running.size
  }

  get waiting () {
    return this.#waiting.size
  }

  get paused () {
    return this.#paused !== 'no'
  }

  /** @param {Job} job */
  submit (job) {
    if (this.#frozen || this.#paused !== 'no' || this.#running.size >= this.#limit) {
      this.#waiting.add(job)
      return
    }
    this.#run(job)
    this.#step(job, performance.now())
    this.reschedule()
  }

  /** @param {Job} job */
  #run (job) {
    this.#running.add(job)
    job.startAt(performance.now())
  }

  /** The job's client has left, or it is done. @param {Job} job */
  drop (job) {
    this.#waiting.delete(job)
    if (!this.#running.delete(job)) return
    if (this.#paused === 'no' && !this.#frozen) this.#fill()
    if (this.#running.size === 0) for (const done of this.#idle.splice(0)) done()
  }

  #fill () {
    for (const job of this.#waiting) {
      if (this.#running.size >= this.#limit) break
      this.#waiting.delete(job)
      this.#run(job)
    }
    this.reschedule()
  }

  /** @param {'new' | 'all'} how */
  pause (how) {
    if (how === 'all' && this.#paused !== 'all') this.#pausedAt = performance.now()
    this.#paused = how
  }

  resume () {
    const now = performance.now()
    if (this.#paused === 'all') this.#running.forEach(job => job.goOnAt(now, now - this.#pausedAt))
    this.#paused = 'no'
    this.#fill()
  }

  /** SIGTERM with requests in flight: nothing goes on and nothing breaks. */
  freeze () {
    this.#frozen = true
  }

  /** @returns {Promise<void>} */
  async whenIdle () {
    if (this.#running.size > 0) await new Promise((resolve) => this.#idle.push(() => resolve(undefined)))
  }

  /** @param {(job: Job) => void} how */
  endAll (how) {
    for (const job of [...this.#running, ...this.#waiting]) {
      how(job)
      this.drop(job)
    }
  }

  #schedule () {
    if (this.#stepScheduled || this.#running.size === 0 || this.#frozen || this.#paused === 'all') return
    let next = Infinity
    for (const job of this.#running) next = Math.min(next, job.nextAt)
    if (next === Infinity) return
    this.#stepScheduled = true
    const wait = next - performance.now()
    if (wait <= 0) setImmediate(this.#stepAll)
    else this.#timer = setTimeout(this.#stepAll, Math.max(1, wait))
  }

  /** For when a job is due earlier than the timer thinks: a new one, or one whose reader has caught up. */
  reschedule () {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#stepScheduled = false
    }
    this.#schedule()
  }

  #stepAll = () => {
    this.#stepScheduled = false
    this.#timer = undefined
    const state = this.#engineState()
    if (state !== 'running' || this.#frozen || this.#paused === 'all') {
      // A stopped engine may be continued; a dead one is told of by its exit.
      if (!this.#frozen && this.#paused !== 'all') this.#lookAgain()
      return
    }
    const now = performance.now()
    for (const job of this.#running) this.#step(job, now, state)
    this.#schedule()
  }

  #lookAgain () {
    this.#stepScheduled = true
    this.#timer = setTimeout(this.#stepAll, 10)
  }

  /** @param {Job} job @param {number} now @param {string} [state] */
  #step (job, now, state = this.#engineState()) {
    if (state !== 'running' || job.nextAt > now + 0.5) return
    if (job.advance(now)) this.drop(job)
  }
}
