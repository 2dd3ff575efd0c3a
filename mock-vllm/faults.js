import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {object} Fault
 * @property {string} kind
 * @property {string} arg a number of tokens, ms, an exit code or a word, as the kind has it
 * @property {number} times how often it still happens
 */

/** What can go wrong, and how; README.md says what each does. */
export const faultKinds = {
  start: ['exit', 'hang', 'slow', 'die'],
  sleep: ['500', 'hang', 'crash', 'slow', 'keeps-memory'],
  wake: ['500', 'oom', 'hang', 'crash', 'slow'],
  reload: ['500', 'hang', 'crash', 'garbage'],
  reset: ['500', 'hang'],
  health: ['hang', '503'],
  is_sleeping: ['hang', '500'],
  request: ['die', '500', 'hang', 'api-die'],
  stream: ['die', 'api-die', 'stall', 'cut'],
  poison: ['die'],
  lora: ['500', 'hang', 'die'],
  memory: ['grows'],
  output: ['garbage'],
  sigterm: ['ignore']
}

/** @typedef {keyof typeof faultKinds} FaultPoint */

/**
 * @param {string} point
 * @param {unknown} spec `KIND[@ARG][*TIMES]` or `{ kind, arg, times }`
 * @returns {Fault}
 */
export function parseFault (point, spec) {
  const kinds = /** @type {Record<string, string[]>} */ (faultKinds)[point]
  if (kinds === undefined) throw new Error(`no such fault point: ${point} (there are ${Object.keys(faultKinds).join(', ')})`)
  const match = typeof spec === 'object' && spec !== null ? undefined : /^([\w-]+?)(?:@(.*?))?(?:\*(\d+))?$/.exec(String(spec))
  const { kind, arg, times } = /** @type {any} */ (match === undefined ? spec : { kind: match?.[1], arg: match?.[2], times: match?.[3] })
  if (!kinds.includes(String(kind))) throw new Error(`fault ${point} is one of ${kinds.join(', ')}, not ${kind}`)
  return { kind: String(kind), arg: String(arg ?? ''), times: times === undefined || times === null ? Infinity : Number(times) }
}

/** @param {string} list `POINT=SPEC,POINT=SPEC` @returns {[string, Fault][]} */
export function parseFaults (list) {
  return list.split(',').filter(Boolean).map((item) => {
    const cut = item.indexOf('=')
    const point = item.slice(0, cut)
    return [point, parseFault(point, item.slice(cut + 1))]
  })
}

/**
 * The faults of one engine. Those with a limited number of times that come from `DIR/faults/NAME.json` are counted down in the
 * file, so that "the first start fails, the second succeeds" can be said of two processes.
 */
export class Faults {
  /** @type {Map<string, Fault>} */
  #faults
  #file

  /** @param {{ fault: string, gpu: string, name: string }} config */
  constructor (config) {
    this.#faults = new Map(parseFaults(config.fault))
    this.#file = config.gpu && join(config.gpu, 'faults', `${encodeURIComponent(config.name)}.json`)
    if (this.#file && existsSync(this.#file)) this.set(JSON.parse(readFileSync(this.#file, 'utf8')))
  }

  /** @param {Record<string, unknown>} specs `null` takes a fault away */
  set (specs) {
    for (const [point, spec] of Object.entries(specs)) {
      if (spec === null || spec === '') this.#faults.delete(point)
      else this.#faults.set(point, parseFault(point, spec))
    }
  }

  clear () {
    this.#faults.clear()
  }

  /** Whether a fault lies in wait, without using it up. @param {FaultPoint} point */
  peek (point) {
    return this.#faults.get(point)
  }

  /** The fault that happens now, counted. @param {FaultPoint} point @returns {Fault | undefined} */
  take (point) {
    const fault = this.#faults.get(point)
    if (fault === undefined) return undefined
    fault.times -= 1
    if (fault.times <= 0) this.#faults.delete(point)
    this.#countInFile(point, fault.times)
    return fault
  }

  /** @param {string} point @param {number} times */
  #countInFile (point, times) {
    if (!this.#file || times === Infinity || !existsSync(this.#file)) return
    const stored = JSON.parse(readFileSync(this.#file, 'utf8'))
    if (stored[point] === undefined || stored[point] === null) return
    stored[point] = times > 0 ? { ...parseFault(point, stored[point]), times } : null
    writeFileSync(`${this.#file}.${process.pid}`, JSON.stringify(stored))
    renameSync(`${this.#file}.${process.pid}`, this.#file)
  }

  toJSON () {
    return Object.fromEntries([...this.#faults].map(([point, fault]) => [point, { ...fault, times: fault.times === Infinity ? null : fault.times }]))
  }
}
