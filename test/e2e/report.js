/** Counts checks and collects what was measured. */
export class Report {
  /** @type {{ chapter: string, text: string, ok: boolean, detail?: string }[]} */
  checks = []
  /** @type {{ chapter: string, what: string, ms: number }[]} */
  times = []
  /** @type {{ chapter: string, what: string, value: string }[]} */
  figures = []
  #chapter = ''

  /** @param {string} name */
  begin (name) {
    this.#chapter = name
    console.log(`\n${name}`)
  }

  /** @param {string} text @param {boolean} ok @param {unknown} [detail] shown if it failed */
  check (text, ok, detail) {
    this.checks.push({ chapter: this.#chapter, text, ok, ...(!ok && detail !== undefined && { detail: JSON.stringify(detail) }) })
    console.log(`  ${ok ? '✔' : '✘'} ${text}${ok || detail === undefined ? '' : `\n      ${JSON.stringify(detail).slice(0, 1_500)}`}`)
  }

  /** @param {string} what @param {number} ms */
  time (what, ms) {
    this.times.push({ chapter: this.#chapter, what, ms })
  }

  /** Something measured that is no time. @param {string} what @param {string} value */
  figure (what, value) {
    this.figures.push({ chapter: this.#chapter, what, value })
  }

  /** The time of each phase, by what the gateway's own events say. @param {any[]} events */
  phases (events) {
    for (const { event, from, to, duration, level, phases } of events) {
      if (event === 'engine' && to === 'awake' && ['starting', 'waking'].includes(from)) this.time(from === 'starting' ? 'start' : 'wake', duration)
      if (event === 'engine' && to === 'asleep') this.time(`sleep, level ${level}`, duration)
      if (event === 'engine' && from === 'stopping') this.time('stop', duration)
      if (event !== 'transition' || to !== 'idle') continue
      for (const [phase, ms] of Object.entries(phases)) this.time(`transition: ${phase}`, ms)
      this.time('transition: all', Object.values(phases).reduce((sum, ms) => sum + ms, 0))
    }
  }

  print () {
    console.log('\nTimes in milliseconds\n| chapter | phase | times | shortest | median | longest |\n|---|---|---|---|---|---|')
    const groups = groupBy(this.times)
    for (const [name, times] of groups) {
      const sorted = times.map(({ ms }) => Math.round(ms)).sort((a, b) => a - b)
      console.log(`| ${name} | ${sorted.length} | ${sorted[0]} | ${sorted[sorted.length >> 1]} | ${sorted.at(-1)} |`)
    }
    if (this.figures.length > 0) console.log(['\nFigures\n| chapter | what | |\n|---|---|---|', ...this.figures.map(({ chapter, what, value }) => `| ${chapter} | ${what} | ${value} |`)].join('\n'))
    const passed = this.checks.filter(({ ok }) => ok).length
    console.log(`\n${passed} of ${this.checks.length} checks passed`)
  }
}

/** @param {Report['times']} times */
function groupBy (times) {
  /** @type {Map<string, Report['times']>} */
  const groups = new Map()
  for (const time of times) {
    const name = `${time.chapter} | ${time.what}`
    groups.set(name, [...groups.get(name) ?? [], time])
  }
  return groups
}
