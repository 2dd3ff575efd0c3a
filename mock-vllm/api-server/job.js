import { startEvents, sendJson, engineDead } from './http-answers.js'
import { textOf, tokenAt } from './answer-text.js'

/**
 * @typedef {object} Generation what was asked for, whatever the route
 * @property {string} id
 * @property {number} created s
 * @property {string} model first served name
 * @property {string} prompt
 * @property {number} promptTokens
 * @property {import('./answer-text.js').AnswerText} text
 * @property {number} count tokens to generate
 * @property {'stop' | 'length'} reason
 * @property {number} choices
 * @property {boolean} stream
 * @property {boolean} usage wanted at the end of a stream
 * @property {boolean} usageEach wanted in every chunk
 * @property {any} body
 */

/**
 * @typedef {object} Dialect how a route says it
 * @property {(g: Generation, engine: { text: (count: number) => string, count: number, reason: string }) => unknown} whole
 * @property {(g: Generation) => string} [early] what a stream says before the engine has said anything
 * @property {(g: Generation) => string} open what comes before the first token
 * @property {(g: Generation, from: number, to: number, reason: string | null) => string} tokens events for tokens from..to-1 of every choice
 * @property {(g: Generation, count: number, reason: string) => string} close
 * @property {(error: typeof engineDead) => string} [broken] how a stream ends when the engine dies; without it the connection breaks
 * @property {(error: typeof engineDead) => unknown} [dead] the body of the 500 where nothing was sent; default: the error itself
 */

/**
 * @typedef {object} Pace
 * @property {number} promptMs
 * @property {number} tokenMs
 * @property {number} batch
 * @property {number} faultAt tokens after which something happens; Infinity: nothing does
 * @property {() => 'stall' | 'cut'} fault makes it happen, and says what becomes of the job
 */

/** One request on its way through the engine. */
export class Job {
  /** ms on the clock of `performance.now()` */
  nextAt = Infinity
  /** tokens per choice that are out */
  done = 0
  #headSent = false
  #opened = false
  #ended = false
  #blocked = false
  #g
  #dialect
  #pace
  #res
  /** @type {(job: Job, outcome: { event: 'finished' | 'aborted' | 'failed', reason: string }) => void} */
  #onEnd
  /** @type {() => void} */
  onDrain = () => {}

  /**
   * @param {Generation} generation
   * @param {Dialect} dialect
   * @param {Pace} pace
   * @param {import('node:http').ServerResponse} res
   * @param {(job: Job, outcome: { event: 'finished' | 'aborted' | 'failed', reason: string }) => void} onEnd
   */
  constructor (generation, dialect, pace, res, onEnd) {
    this.#g = generation
    this.#dialect = dialect
    this.#pace = pace
    this.#res = res
    this.#onEnd = onEnd
  }

  get id () {
    return this.#g.id
  }

  /** @param {number} now */
  startAt (now) {
    if (this.nextAt === Infinity) this.nextAt = now + this.#pace.promptMs + (this.#g.stream ? 0 : this.#g.count * this.#pace.tokenMs)
  }

  /** After a pause of so many ms: its KV cache is gone, and prompt and tokens so far are computed again. @param {number} now @param {number} pause */
  goOnAt (now, pause) {
    if (this.nextAt !== Infinity) this.nextAt = Math.max(this.nextAt + pause, now + this.#pace.promptMs)
  }

  /** Everything that is due now. @param {number} now @returns {boolean} whether the job is over */
  advance (now) {
    if (this.#ended) return true
    if (!this.#g.stream) return this.#advanceWhole()
    if (this.#blocked) return false
    const { tokenMs, batch, faultAt } = this.#pace
    if (this.done >= faultAt) return this.#stumble()
    const to = Math.min(this.#g.count, faultAt, this.done + (tokenMs === 0 ? batch : Math.max(1, Math.floor(1 / tokenMs))))
    const last = to === this.#g.count
    let text = this.#opened ? '' : this.#open()
    text += this.#dialect.tokens(this.#g, this.done, to, last ? this.#g.reason : null)
    this.done = to
    if (last) return this.#finish(text)
    this.nextAt = tokenMs === 0 ? now : Math.max(this.nextAt + Math.max(1, tokenMs), now)
    // vLLM generates on for a slow reader; only the unpaced mode, which would fill the memory, waits for it.
    if (!this.#res.write(text) && tokenMs === 0) this.#waitForReader()
    return false
  }

  /** The head of a stream goes out when the request is accepted, even by a sleeper: only the first token waits. */
  sendHead () {
    if (this.#ended || this.#headSent || !this.#g.stream) return
    const early = this.#head()
    if (early === '') this.#res.flushHeaders()
    else this.#res.write(early)
  }

  #head () {
    this.#headSent = true
    startEvents(this.#res)
    return this.#dialect.early?.(this.#g) ?? ''
  }

  #open () {
    this.#opened = true
    return (this.#headSent ? '' : this.#head()) + this.#dialect.open(this.#g)
  }

  #waitForReader () {
    this.#blocked = true
    const resumeAt = this.nextAt
    this.nextAt = Infinity
    this.#res.once('drain', () => {
      this.#blocked = false
      this.nextAt = resumeAt
      this.onDrain()
    })
  }

  #stumble () {
    this.nextAt = Infinity
    if (this.#pace.fault() === 'cut') {
      this.#res.destroy()
      return this.#end('failed', 'cut')
    }
    return false
  }

  #advanceWhole () {
    if (this.#pace.faultAt < this.#g.count) return this.#stumble()
    this.done = this.#g.count
    this.#end('finished', this.#g.reason)
    this.#sendWhole(this.#g.reason)
    return true
  }

  /** @param {string} reason */
  #sendWhole (reason) {
    const count = this.done
    sendJson(this.#res, 200, this.#dialect.whole(this.#g, { text: (n) => textOf(this.#g.text, n), count, reason }))
  }

  /** @param {string} text */
  #finish (text) {
    this.#end('finished', this.#g.reason)
    this.#res.end(text + this.#dialect.close(this.#g, this.done, this.#g.reason))
    return true
  }

  /** Told before the last bytes go out: who has the answer finds its end in the diary. @param {'finished' | 'aborted' | 'failed'} event @param {string} reason */
  #end (event, reason) {
    if (!this.#ended) {
      this.#ended = true
      this.#onEnd(this, { event, reason })
    }
    return true
  }

  /** `/sleep?mode=abort`: ends as if it were complete, but for the word. */
  abort () {
    if (this.#ended) return
    this.#end('aborted', 'sleep')
    if (!this.#g.stream) {
      this.#sendWhole('abort')
    } else {
      const text = (this.#opened ? '' : this.#open()) + this.#dialect.tokens(this.#g, this.done, this.done, 'abort')
      this.#res.end(text + this.#dialect.close(this.#g, this.done, 'abort'))
    }
  }

  /** EngineCore is dead: an event and a clean end, or a 500 where nothing was sent. */
  fail () {
    if (this.#ended) return
    this.#end('failed', 'engine-dead')
    const { broken, dead } = this.#dialect
    if (!this.#headSent) sendJson(this.#res, 500, dead ? dead(engineDead) : engineDead)
    else if (broken) this.#res.end(broken(engineDead))
    else this.#res.destroy()
  }

  clientLeft () {
    this.#end('aborted', 'client')
  }

  /** For tests that ask what is in flight. */
  toJSON () {
    return { id: this.#g.id, done: this.done, of: this.#g.count, stream: this.#g.stream, next: tokenAt(this.#g.text, this.done) }
  }
}
