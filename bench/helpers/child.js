import { fork } from 'node:child_process'
import { once } from 'node:events'

/** @typedef {{ id: number, method: string, args: unknown[] }} Call */
/** @typedef {{ id: number, value?: unknown, error?: string }} Answer */

/** A program of a measurement in a process of its own, so that each pays for its own garbage and its own event loop. */
export class Child {
  #process
  /** @type {Map<number, (answer: Omit<Answer, 'id'>) => void>} */
  #calls = new Map()
  #lastId = 0

  /**
   * Resolves when the program is ready.
   * @param {string} file beside this one
   * @param {unknown} options handed over as JSON
   * @param {string[]} [execArgv]
   */
  static async start (file, options, execArgv = []) {
    const child = new Child(file, options, execArgv)
    await child.call('ready')
    return child
  }

  /** @param {string} file @param {unknown} options @param {string[]} execArgv */
  constructor (file, options, execArgv) {
    this.#process = fork(new URL(file, import.meta.url), [JSON.stringify(options)], { execArgv })
    this.#process.on('message', message => {
      const { id, ...answer } = /** @type {Answer} */ (message)
      this.#calls.get(id)?.(answer)
      this.#calls.delete(id)
    })
    this.#process.on('exit', code => {
      for (const settle of this.#calls.values()) settle({ error: `${file} ended with ${code}` })
    })
  }

  /** @param {string} method @param {unknown[]} args @returns {Promise<any>} */
  call (method, ...args) {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#calls.set(id, ({ value, error }) => error === undefined ? resolve(value) : reject(new Error(error)))
      this.#process.send({ id, method, args })
    })
  }

  /** It ends when its parent lets go of it, however that comes about. */
  async stop () {
    if (this.#process.exitCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.disconnect()
    await exit
  }
}

/** What the parent handed over. @returns {any} */
export function options () {
  return JSON.parse(process.argv[2] ?? '{}')
}

/**
 * The other end: answers the parent's calls.
 * @param {Record<string, (...args: any[]) => unknown>} methods
 * @param {() => Promise<void>} [close] called when the parent is gone or done
 */
export function serve (methods, close = async () => {}) {
  process.on('message', async message => {
    const { id, method, args } = /** @type {Call} */ (message)
    try {
      const value = method === 'ready' ? undefined : await methods[method]?.(...args)
      process.send?.({ id, value })
    } catch (error) {
      process.send?.({ id, error: String(error) })
    }
  })
  process.on('disconnect', () => close().finally(() => process.exit()))
}
