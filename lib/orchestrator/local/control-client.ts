import { Pool, type Dispatcher } from 'undici'
import { SleepError, WakeError } from '../../errors.ts'
import type { SleepMode } from '../driver.ts'

export interface ControlTarget {
  /** The model, as errors and the engine itself know it. */
  id: string
  origin: string
  /** How to connect, if not to the origin. */
  connect: { socketPath?: string }
  apiKey: string | undefined
}

type Failure = new (id: string, detail: string) => Error

interface Call {
  path: string
  /** Sent as JSON. */
  body?: unknown
  signal: AbortSignal
}

/** Characters of an error's body that are told. */
const longestDetail = 500

/** How long an answer's body may pause: its status has said everything. Milliseconds. */
const bodyTimeout = 10_000

/** vLLM keeps idle connections for 5 s. Milliseconds. */
const keepAliveTimeout = 4_000

/**
 * An idle connection may be just closing, and a sleep that fails costs the engine its life. Each of the calls can be made
 * a second time: it does nothing, or the same once more.
 */
const brokenConnection = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** undici hides what happened to a connection in the cause, or in the code, of an error without words. */
function reason (error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  return message || code || String(error)
}

/**
 * Calls to an engine's control endpoints. It judges by the status only: the bodies of success differ from version to
 * version. None waits behind another, or behind a request: its connections are its own, as many as there are calls.
 */
export class ControlClient {
  readonly #target: ControlTarget
  readonly #pool: Pool

  constructor (target: ControlTarget) {
    this.#target = target
    const { origin, connect } = target
    this.#pool = new Pool(origin, { connections: null, pipelining: 1, keepAliveTimeout, keepAliveMaxTimeout: keepAliveTimeout, headersTimeout: 0, bodyTimeout, connect })
  }

  /** Whether `/health` says 200: refused connections, other answers and broken ones all mean no. */
  async health (signal: AbortSignal): Promise<boolean> {
    try {
      const { statusCode, body } = await this.#request('GET', { path: '/health', signal })
      this.#discard(body)
      return statusCode === 200
    } catch {
      return false
    }
  }

  /** Whether `/is_sleeping` has an answer: it has to ask the core, and a core that is stopped has none, one that is dead an error. */
  async responds (signal: AbortSignal): Promise<boolean> {
    try {
      const { statusCode, body } = await this.#request('GET', { path: '/is_sleeping', signal })
      this.#discard(body)
      return statusCode < 500
    } catch {
      // No answer is the answer.
      return false
    }
  }

  /** What `/version` says; undefined without an answer that has one. */
  async version (signal: AbortSignal): Promise<string | undefined> {
    try {
      const { body } = await this.#request('GET', { path: '/version', signal })
      const { version } = await body.json() as { version?: unknown }
      return typeof version === 'string' ? version : undefined
    } catch {
      // Another engine, or one that has just died: either way it has not said.
      return undefined
    }
  }

  /** `wait` where nothing should be running any more: what is, is not cut as if it were complete. */
  async sleep (level: 1 | 2, mode: SleepMode, signal: AbortSignal): Promise<void> {
    await this.#post(SleepError, { path: `/sleep?level=${level}&mode=${mode}`, signal })
  }

  async wake (tag: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#post(WakeError, { path: tag === undefined ? '/wake_up' : `/wake_up?tags=${tag}`, signal })
  }

  async reload (signal: AbortSignal): Promise<void> {
    await this.#post(WakeError, { path: '/collective_rpc', body: { method: 'reload_weights' }, signal })
  }

  async resetPrefixCache (signal: AbortSignal): Promise<void> {
    await this.#post(WakeError, { path: '/reset_prefix_cache', signal })
  }

  /** One token. Resolves with false if the model is none that generates: embedding models have no such route. */
  async warmUp (signal: AbortSignal): Promise<boolean> {
    const path = '/v1/completions'
    const body = { model: this.#target.id, prompt: 'Hi', max_tokens: 1, temperature: 0 }
    const response = await this.#send(WakeError, { path, body, signal })
    if (response.statusCode >= 500) throw await this.#failure(WakeError, path, response)
    this.#discard(response.body)
    return response.statusCode === 200
  }

  /** Breaks what is under way. */
  async destroy (): Promise<void> {
    await this.#pool.destroy()
  }

  async #post (Failure: Failure, call: Call): Promise<void> {
    const response = await this.#send(Failure, call)
    if (response.statusCode !== 200) throw await this.#failure(Failure, call.path, response)
    this.#discard(response.body)
  }

  async #send (Failure: Failure, call: Call): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#request('POST', call)
    } catch (error) {
      if (call.signal.aborted) throw error
      throw new Failure(this.#target.id, `POST ${call.path} failed: ${reason(error)}`)
    }
  }

  async #request (method: 'GET' | 'POST', { path, body, signal }: Call): Promise<Dispatcher.ResponseData> {
    const { apiKey } = this.#target
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` })
    }
    const options = { method, path, headers, signal, body: body === undefined ? null : JSON.stringify(body) }
    return await this.#pool.request(options).catch(error => {
      if (signal.aborted || !brokenConnection.has(error.code)) throw error
      return this.#pool.request(options)
    })
  }

  /** What the engine says about it is the best hint that there is. */
  async #failure (Failure: Failure, path: string, { statusCode, body }: Dispatcher.ResponseData): Promise<Error> {
    let text = ''
    try {
      for await (const chunk of body.setEncoding('utf8')) {
        text += chunk
        if (text.length > longestDetail) break
      }
    } catch {
      // Broken off: what has come must do.
    }
    const detail = text.trim().slice(0, longestDetail)
    return new Failure(this.#target.id, `POST ${path} answered ${statusCode}${detail && `: ${detail}`}`)
  }

  #discard (body: Dispatcher.ResponseData['body']): void {
    body.dump().catch(() => {
      // Nothing in it is wanted.
    })
  }
}
