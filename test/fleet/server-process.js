import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Below those that the kernel hands out to others. @returns {Promise<number>} */
async function freePort () {
  const server = createServer()
  while (!server.listening) {
    const error = await new Promise(resolve => server.once('error', resolve).listen(12_000 + Math.floor(Math.random() * 20_000), '127.0.0.1', () => resolve(undefined)))
    if (error !== undefined && error.code !== 'EADDRINUSE') throw error
  }
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A machine: one server process at one address, which can be killed, stopped and started anew. */
export class ServerProcess {
  #file
  #options
  /** Its sockets and files. */
  #directory = mkdtempSync(join(tmpdir(), 'fleet-'))
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child
  /** @type {Promise<unknown>} */
  #ended = Promise.resolve()
  /** @type {string[]} */
  lines = []
  url = ''

  /** @param {'node' | 'edge'} kind @param {object} options as the program of that kind takes them @returns {Promise<ServerProcess>} */
  static async start (kind, options) {
    const server = new ServerProcess(kind, { port: await freePort(), ...options })
    await server.start()
    return server
  }

  /** @param {string} kind @param {object} options */
  constructor (kind, options) {
    this.#file = fileURLToPath(new URL(`${kind}-server.js`, import.meta.url))
    this.#options = options
  }

  get pid () {
    return this.#child?.pid
  }

  /** As its address is written in an operator's path. */
  get host () {
    return new URL(this.url).host
  }

  /** Resolves when it listens. */
  async start () {
    // Without the loaders of a test runner.
    const { NODE_OPTIONS, ...env } = process.env
    const child = this.#child = spawn(process.execPath, [this.#file, JSON.stringify(this.#options)], {
      env: { ...env, XDG_RUNTIME_DIR: this.#directory, TMPDIR: this.#directory }, stdio: ['pipe', 'pipe', 'pipe']
    })
    this.#ended = once(child, 'exit')
    this.url = await new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface(stream).on('line', line => {
          this.lines.push(line)
          const [, url] = /Server listening at (https?:\/\/127[\w.:]+)/.exec(line) ?? []
          if (url !== undefined) resolve(url)
        })
      }
      this.#ended.then(() => reject(new Error(`it has ended before it listened:\n${this.lines.slice(-5).join('\n')}`)), reject)
    })
  }

  /** @param {NodeJS.Signals} signal */
  signal (signal) {
    this.#child?.kill(signal)
  }

  /** Resolves when it has ended. @param {NodeJS.Signals} [signal] */
  async stop (signal = 'SIGTERM') {
    this.signal(signal)
    await this.#ended
  }

  /** For the end, whatever state it is in. */
  async remove () {
    this.signal('SIGCONT')
    await this.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
