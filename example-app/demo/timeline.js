/** Milliseconds for which a line is held back: what the gateway tells arrives a little later than what the clients see. */
const sortingDelay = 40

const now = () => performance.timeOrigin + performance.now()

/** @typedef {{ time: number, who: string, what: string, gpu?: string }} Line */

/** Prints what happens while it happens, in the order in which it happened. */
export class Timeline {
  #print
  #started = now()
  #onGpu = '–'
  /** @type {Line[]} */
  #pending = []

  /** @param {(line: string) => void} print */
  constructor (print) {
    this.#print = print
    print('    time  on the GPU   who      what                (in brackets: on its way there, or away)')
    print('  ──────  ───────────  ───────  ──────────────────────────────────────────────────────────')
  }

  /** @param {string} who @param {string} what @param {{ time?: number, gpu?: string }} [details] `gpu`: who is on it from now on */
  add (who, what, { time = now(), ...details } = {}) {
    this.#pending.push({ time, who, what, ...details })
    setTimeout(() => this.#flush(now() - sortingDelay), sortingDelay + 1)
  }

  /** The last line. @param {string} what */
  end (what) {
    this.add('gateway', what, { gpu: '–' })
    this.#flush(Infinity)
  }

  /** @param {number} until */
  #flush (until) {
    const due = this.#pending.filter(({ time }) => time <= until).sort((a, b) => a.time - b.time)
    this.#pending = this.#pending.filter(({ time }) => time > until)
    for (const { time, who, what, gpu = this.#onGpu } of due) {
      this.#onGpu = gpu
      const seconds = Math.max(0, (time - this.#started) / 1000).toFixed(2)
      this.#print(`${seconds.padStart(6)} s  ${gpu.padEnd(11)}  ${who.padEnd(7)}  ${what}`)
    }
  }
}
