import { mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'

/**
 * The engine's own diary, one JSON line per event, appended in one write so that the lines of several processes do not mix.
 * README.md lists the events.
 */
export class Records {
  #fd = -1
  #common

  /**
   * @param {{ record: string, gpu: string, name: string }} config
   * @param {{ api: number, core: number }} pids
   */
  constructor (config, pids) {
    const file = config.record || (config.gpu && join(config.gpu, 'records.jsonl'))
    if (file) {
      mkdirSync(dirname(file), { recursive: true })
      this.#fd = openSync(file, 'a')
    }
    this.#common = { engine: config.name, ...pids }
  }

  get wanted () {
    return this.#fd >= 0
  }

  /** @param {string} event @param {Record<string, unknown>} [fields] */
  write (event, fields = {}) {
    if (this.#fd < 0) return
    const t = Math.round((performance.timeOrigin + performance.now()) * 1000) / 1000
    writeSync(this.#fd, JSON.stringify({ t, event, ...this.#common, ...fields }) + '\n')
  }
}
