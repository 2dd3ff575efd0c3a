import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import { family } from '../../example-app/demo/leftovers.js'
import { readArguments } from './processes.js'

const server = fileURLToPath(new URL('../../example-app/server.js', import.meta.url))
export const key = 'sk-example-team-a'
const admin = { authorization: 'Bearer sk-example-admin' }
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connections: null })

/** The example app, as a process of its own, with two models on the engine under test. */
export class App {
  /** @type {any[]} what /admin/events has said, each with the name of its event */
  events = []
  /** @type {string[]} */
  log = []
  url = ''
  #child
  #subject

  /** @param {import('./subject.js').Subject} subject @param {1 | 2 | 3} sleepLevel */
  constructor (subject, sleepLevel) {
    this.#subject = subject
    const models = Object.fromEntries(subject.models.map(({ name, ...model }) => [name, { ...model, sleepLevel, timeouts: { start: subject.patience } }]))
    // At level 2 a model with adapters is never frozen, which other chapters are about.
    if (sleepLevel === 1 && subject.adapters !== undefined) Object.assign(Object.values(models)[0] ?? {}, { adapters: subject.adapters, maxAdapters: 1 })
    this.#child = spawn(process.execPath, [server], {
      env: { ...process.env, ...subject.env, PORT: '0', REQUESTS_PER_MINUTE: '1000000', LLMUX_MODELS: JSON.stringify(models) },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    // Broken off, this suite leaves nothing behind.
    process.once('exit', () => this.#child.kill('SIGTERM'))
    createInterface(this.#child.stdout).on('line', line => this.log.push(line))
  }

  get pid () {
    return /** @type {number} */ (this.#child.pid)
  }

  async start () {
    await this.until('the gateway listens', () => this.#listening() !== undefined, 30_000)
    this.url = String(this.#listening())
    this.#followEvents().catch(() => {}) // it ends when the gateway does
    return this
  }

  #listening () {
    return this.log.map(line => /http:\/\/[\d.]+:\d+/.exec(line)?.[0]).find(url => url !== undefined)
  }

  async #followEvents () {
    const { body } = await request(`${this.url}/admin/events`, { headers: admin, dispatcher })
    let name = ''
    for await (const line of createInterface(body)) {
      if (line.startsWith('event: ')) name = line.slice(7)
      if (line.startsWith('data: ')) this.events.push({ event: name, ...JSON.parse(line.slice(6)) })
    }
  }

  async status () {
    return /** @type {any} */ (await (await request(`${this.url}/admin/status`, { headers: admin, dispatcher })).body.json())
  }

  /** @param {string} name */
  async leader (name) {
    return (await this.status()).models.find((/** @type {any} */ model) => model.name === name).pid
  }

  /** The gateway and all engines. */
  processes () {
    return family(this.pid) ?? []
  }

  /** @param {string} path @param {object} body */
  post (path, body) {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    return request(this.url + path, { method: 'POST', headers, body: JSON.stringify(body), dispatcher })
  }

  /** By an operator's order. @param {string} name */
  async switchTo (name) {
    const operation = async (/** @type {string} */ path, /** @type {'GET' | 'POST'} */ method) =>
      /** @type {any} */ (await (await request(`${this.url}/admin/${path}`, { method, headers: admin, dispatcher })).body.json())
    const { id } = await operation(`models/${name}/switch`, 'POST')
    await this.until(`${name} is awake`, async () => (await operation(`operations/${id}`, 'GET')).state !== 'running')
  }

  /** Past the gateway, by the engine's own socket. @param {string} name @param {string} path @param {object} body */
  async direct (name, path, body) {
    const words = readArguments(await this.leader(name))
    const agent = new Agent({ connect: { socketPath: words[words.indexOf('--uds') + 1] ?? '' }, headersTimeout: 0 })
    try {
      const answer = await request(`http://engine${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), dispatcher: agent })
      return { status: answer.statusCode, body: /** @type {any} */ (await answer.body.json()) }
    } finally {
      await agent.close()
    }
  }

  /** @param {NodeJS.Signals} signal @returns {Promise<{ code: number | null, ms: number }>} */
  async end (signal) {
    const began = performance.now()
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill(signal)
      await ended
    }
    return { code: this.#child.exitCode, ms: performance.now() - began }
  }

  /** @param {string} what @param {() => boolean | Promise<boolean>} condition @param {number} [limit] milliseconds */
  async until (what, condition, limit = this.#subject.patience) {
    const deadline = performance.now() + limit
    while (!await condition()) {
      if (performance.now() > deadline) throw new Error(`in vain: ${what}; the gateway's last lines:\n${this.log.slice(-15).join('\n')}`)
      await delay(20)
    }
  }
}
