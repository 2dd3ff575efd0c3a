import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request, type Dispatcher } from 'undici'

/** A process of an engine's group, as /proc has it. */
export interface Member {
  pid: number
  /** at most 15 letters: `VLLM::EngineCor` */
  name: string
  state: string
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

export interface CallOptions {
  /** default: POST with a body, GET without */
  method?: 'GET' | 'POST' | 'DELETE' | 'PUT'
  /** objects are sent as JSON */
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Every process of the group that is not a zombie: those have given back what they held. */
export function groupMembers (group: number): Member[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    let text
    try {
      text = readFileSync(`/proc/${name}/stat`, 'latin1')
    } catch {
      return [] // gone since the directory was read
    }
    const end = text.lastIndexOf(')')
    const [state = '', , pgrp] = text.slice(end + 2).split(' ')
    return Number(pgrp) === group && state !== 'Z' ? [{ pid: Number(name), name: text.slice(text.indexOf('(') + 1, end), state }] : []
  })
}

/** Looks until the value is there; the error says what was waited for. */
export async function until<T> (what: string, look: () => T | Promise<T>, ms = 10_000): Promise<NonNullable<T>> {
  const end = Date.now() + ms
  while (true) {
    const value = await look()
    if (value) return value
    if (Date.now() > end) throw new Error(`still not so after ${ms} ms: ${what}`)
    await delay(10)
  }
}

/**
 * A port that was free a moment ago and that nobody else takes in the meantime.
 *
 * The kernel hands out ports from 32768 up (`ip_local_port_range`), to every `listen(0)` and every connection
 * of the tests beside this one. A port below that range is only taken by who names it.
 */
export async function freePort (): Promise<number> {
  const server = createServer()
  while (!server.listening) {
    try {
      server.listen(randomInt(12_000, 32_000), '127.0.0.1')
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export interface Exit { code: number | null, signal: NodeJS.Signals | null }

export interface StartOptions {
  /** program and leading words, before `serve` */
  command: readonly string[]
  model: string
  args?: readonly string[]
  env?: Record<string, string | undefined>
  /** default: a free port */
  listen?: { port: number } | { uds: string }
}

/** One engine as a process group of its own, spoken to directly. */
export class EngineProcess {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  /** as `exited`, but when nobody of the group holds its output any more: only then is all of `output` there */
  readonly closed: Promise<Exit>
  readonly #agent: Agent
  readonly #origin: string
  #output = ''

  private constructor (child: ChildProcess, agent: Agent, origin: string) {
    this.child = child
    this.#agent = agent
    this.#origin = origin
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => { this.#output += String(chunk) })
    const ended = async (event: 'exit' | 'close'): Promise<Exit> => {
      const [code, signal] = await once(child, event)
      return { code, signal }
    }
    this.exited = ended('exit')
    this.closed = ended('close')
  }

  static async spawn ({ command: [program = '', ...words], model, args = [], env, listen }: StartOptions): Promise<EngineProcess> {
    const place = listen ?? { port: await freePort() }
    const flags = 'uds' in place ? ['--uds', place.uds] : ['--host', '127.0.0.1', '--port', String(place.port)]
    const child = spawn(program, [...words, 'serve', model, ...flags, ...args], {
      detached: true,
      env: { ...process.env, VLLM_SERVER_DEV_MODE: '1', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    // A connection for each request: an idle one may be closed by the engine just as it is used again.
    const agent = new Agent({ connections: null, headersTimeout: 0, bodyTimeout: 0, pipelining: 0, ...('uds' in place && { connect: { socketPath: place.uds } }) })
    return new EngineProcess(child, agent, 'uds' in place ? 'http://engine' : `http://127.0.0.1:${place.port}`)
  }

  /** Spawned and healthy; an engine that ends before fails this at once, with its last lines. */
  static async start (options: StartOptions, ms = 180_000): Promise<EngineProcess> {
    const engine = await EngineProcess.spawn(options)
    await until('the engine is healthy', async () => {
      if (engine.child.exitCode !== null || engine.child.signalCode !== null) throw new Error(`engine ended while starting:\n${engine.output.slice(-2000)}`)
      return await engine.isHealthy()
    }, ms)
    return engine
  }

  get pid (): number {
    return this.child.pid as number
  }

  /** what it wrote so far, both streams */
  get output (): string {
    return this.#output
  }

  get members (): Member[] {
    return groupMembers(this.pid)
  }

  member (prefix: string): Member {
    const found = this.members.find(({ name }) => name.startsWith(prefix))
    if (found === undefined) throw new Error(`no ${prefix} in ${JSON.stringify(this.members)}`)
    return found
  }

  get core (): number {
    return this.member('VLLM::EngineCor').pid
  }

  async isHealthy (): Promise<boolean> {
    try {
      return (await this.call('/health', { signal: AbortSignal.timeout(2000) })).status === 200
    } catch {
      return false // refused, reset or late: not healthy, whichever it is
    }
  }

  /** The answer's head, its body unread. */
  async open (path: string, { method, body, headers, signal }: CallOptions = {}): Promise<Dispatcher.ResponseData> {
    const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
    return await request(this.#origin + path, {
      dispatcher: this.#agent,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? null : isRaw ? body : JSON.stringify(body),
      ...(signal && { signal })
    })
  }

  async call (path: string, options: CallOptions = {}): Promise<Answer> {
    const { statusCode, headers, body } = await this.open(path, options)
    return { status: statusCode, headers, text: await body.text() }
  }

  /** POST without a body, as the control endpoints have it. */
  async post (path: string, signal?: AbortSignal): Promise<Answer> {
    return await this.call(path, { method: 'POST', ...(signal && { signal }) })
  }

  async json (path: string, options: CallOptions = {}): Promise<any> {
    return JSON.parse((await this.call(path, options)).text)
  }

  kill (signal: NodeJS.Signals, pid: number = -this.pid): void {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  async gone (ms = 10_000): Promise<void> {
    await until('the group is empty', () => this.members.length === 0, ms)
  }

  /** For the end of a test, whatever state the engine is in. */
  async destroy (): Promise<void> {
    this.kill('SIGKILL')
    await this.#agent.destroy()
    await this.gone()
  }
}
