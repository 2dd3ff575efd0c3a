import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { StateProbe } from '../proc.js'

const program = fileURLToPath(new URL('../engine-core/main.js', import.meta.url))

/** @typedef {import('../engine-core/executor.js').Answer} Answer */
/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */

export class EngineDeadError extends Error {}

/** The API process's end of EngineCore. */
export class EngineClient {
  /** @type {Map<number, (answer: Answer) => void>} */
  #pending = new Map()
  #lastId = 0
  #child
  #probe
  /** @type {Exit | undefined} */
  exited
  /** ends when EngineCore is ready; rejects when it ends before @type {Promise<{ mib: number }>} */
  ready
  /** @type {(exit: Exit) => void} */
  onExit = () => {}

  /** @param {object} start what EngineCore is told */
  constructor (start) {
    this.#child = spawn(process.execPath, [program, JSON.stringify(start)], { env: {}, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#probe = new StateProbe(this.pid)
    this.ready = new Promise((resolve, reject) => {
      this.#child.on('message', (/** @type {any} */ message) => {
        if (message.ready) resolve(message)
        else this.#settle(message)
      })
      this.#child.on('exit', (code, signal) => {
        this.exited = { code, signal }
        this.#probe.close()
        reject(new Error('Engine core initialization failed.'))
        this.onExit(this.exited)
      })
    })
    this.ready.catch(() => {}) // looked at by whoever awaits it; a later death is told by onExit
  }

  get pid () {
    return this.#child.pid ?? 0
  }

  /** Known before the exit is reported, so that nothing is answered on behalf of a process that is dead or stopped. */
  get state () {
    return this.exited === undefined ? this.#probe.state : 'gone'
  }

  /** calls without an answer, which keep a dead engine's API server from ending */
  get hanging () {
    return this.#pending.size
  }

  /** @param {Answer & { id: number }} answer */
  #settle ({ id, ...answer }) {
    this.#pending.get(id)?.(answer)
    this.#pending.delete(id)
  }

  /**
   * Never settles while EngineCore is busy or stopped, nor when it dies meanwhile: the caller's HTTP request hangs for ever.
   * @throws {EngineDeadError} when EngineCore is known to be dead
   * @param {Omit<import('../engine-core/executor.js').Operation, 'id'>} operation
   * @returns {Promise<Answer>}
   */
  call (operation) {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      if (this.exited !== undefined) return reject(new EngineDeadError())
      this.#pending.set(id, resolve)
      if (this.#child.connected) this.#child.send({ id, ...operation }, () => {})
    })
  }

  /** @param {NodeJS.Signals} signal */
  kill (signal) {
    this.#child.kill(signal)
  }
}
