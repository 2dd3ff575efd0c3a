import { AsyncResource } from 'node:async_hooks'
import { Pool, type Dispatcher } from 'undici'
import { SleepError, WakeError } from '../../errors.ts'
import type { EngineCalls, SleepMode } from '../../engines/index.ts'
import type { ResolvedModel } from '../../options/types.ts'

/** What is known of the model that an engine serves. */
export type Controlled = Pick<ResolvedModel, 'id' | 'path' | 'engine' | 'readyPath'>

export interface ControlTarget {
  model: Controlled
  origin: string
  /** How to connect, if not to the origin. */
  connect: { socketPath?: string }
  apiKey: string | undefined
}

type Failure = new (id: string, detail: string) => Error

interface Call {
  path: string
  /** Sent as JSON. */
  body?: unknown | undefined
  signal: AbortSignal
}

/** Characters of an error's body that are told. */
const longestDetail = 500

/** How long an answer's body may pause: its status has said everything. Milliseconds. */
const bodyTimeout = 10_000

/** vLLM and SGLang keep idle connections for 5 s, llama.cpp longer. Milliseconds. */
const keepAliveTimeout = 4_000

/**
 * An idle connection may be just closing, and a sleep that fails costs the engine its life. Each of the calls can be made
 * a second time: it does nothing, or the same once more.
 */
const brokenConnection = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** Of no request: what an engine is asked is asked for all of them, and belongs into the trace of none. */
const outside = new AsyncResource('llmux.ControlClient')

/** undici hides what happened to a connection in the cause, or in the code, of an error without words. */
function reason (error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  return message || code || String(error)
}

/**
 * Calls to an engine's control endpoints, which its adapter knows. A call is judged by its status only: the bodies of success
 * differ from version to version. None waits behind another, or behind a request: its connections are its own, as many as there are calls.
 */
export class ControlClient {
  readonly #target: ControlTarget
  readonly #pool: Pool

  constructor (target: ControlTarget) {
    this.#target = target
    const { origin, connect } = target
    this.#pool = new Pool(origin, { connections: null, pipelining: 1, keepAliveTimeout, keepAliveMaxTimeout: keepAliveTimeout, headersTimeout: 0, bodyTimeout, connect })
  }

  /** Whether the engine says that it is healthy: refused connections, other answers and broken ones all mean no. */
  async health (signal: AbortSignal): Promise<boolean> {
    const { readyPath, engine } = this.#target.model
    return await this.#asks(signal, async calls => await calls.status(readyPath ?? engine.readyPath ?? '/health') === 200)
  }

  /** Whether its core answers. */
  async responds (signal: AbortSignal): Promise<boolean> {
    const { engine } = this.#target.model
    if (engine.responds === undefined) return await this.health(signal)
    return await this.#asks(signal, calls => engine.responds!(calls))
  }

  /** The version that the engine reports; undefined if it reports none. */
  async version (signal: AbortSignal): Promise<string | undefined> {
    try {
      return await this.#target.model.engine.version?.(this.#calls(WakeError, signal))
    } catch {
      // Another engine, or one that has just died: either way it has not said.
      return undefined
    }
  }

  async sleep (level: 1 | 2, mode: SleepMode, signal: AbortSignal): Promise<void> {
    await this.#target.model.engine.sleep!(this.#calls(SleepError, signal), level, mode)
  }

  async wake (tag: 'weights' | 'kv_cache' | undefined, signal: AbortSignal): Promise<void> {
    await this.#target.model.engine.wake!(this.#calls(WakeError, signal), tag)
  }

  async reload (signal: AbortSignal): Promise<void> {
    await this.#target.model.engine.reload!(this.#calls(WakeError, signal))
  }

  async resetPrefixCache (signal: AbortSignal): Promise<void> {
    await this.#target.model.engine.resetPrefixCache!(this.#calls(WakeError, signal))
  }

  async loadAdapter (name: string, path: string, signal: AbortSignal): Promise<void> {
    await this.#target.model.engine.lora!.load(this.#calls(WakeError, signal), name, path)
  }

  async unloadAdapter (name: string, signal: AbortSignal): Promise<void> {
    await this.#target.model.engine.lora!.unload(this.#calls(WakeError, signal), name)
  }

  /** One token. Resolves with false if the model is none that generates: embedding models have no such route. */
  async warmUp (signal: AbortSignal): Promise<boolean> {
    const body = { model: this.#target.model.id, prompt: 'Hi', max_tokens: 1, temperature: 0 }
    return await this.#calls(WakeError, signal).post('/v1/completions', body) === 200
  }

  /** Breaks what is under way. */
  async destroy (): Promise<void> {
    await this.#pool.destroy()
  }

  async #asks (signal: AbortSignal, question: (calls: EngineCalls) => Promise<boolean>): Promise<boolean> {
    try {
      return await question(this.#calls(WakeError, signal))
    } catch {
      // No answer is the answer.
      return false
    }
  }

  /** What an adapter calls the engine by. */
  #calls (Failure: Failure, signal: AbortSignal): EngineCalls {
    const { id, path } = this.#target.model
    const get = async (path: string) => await this.#request('GET', { path, signal })
    return {
      model: id,
      path,
      status: async path => {
        const { statusCode, body } = await get(path)
        this.#discard(body)
        return statusCode
      },
      json: async path => await (await get(path)).body.json(),
      order: async (path, body) => { await this.#post(Failure, { path, body, signal }, status => status === 200) },
      post: async (path, body) => await this.#post(Failure, { path, body, signal }, status => status < 500)
    }
  }

  async #post (Failure: Failure, call: Call, isFine: (status: number) => boolean): Promise<number> {
    const response = await this.#send(Failure, call)
    if (!isFine(response.statusCode)) throw await this.#failure(Failure, call.path, response)
    this.#discard(response.body)
    return response.statusCode
  }

  async #send (Failure: Failure, call: Call): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#request('POST', call)
    } catch (error) {
      if (call.signal.aborted) throw error
      throw new Failure(this.#target.model.id, `POST ${call.path} failed: ${reason(error)}`)
    }
  }

  async #request (method: 'GET' | 'POST', { path, body, signal }: Call): Promise<Dispatcher.ResponseData> {
    const { apiKey } = this.#target
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` })
    }
    const options = { method, path, headers, signal, body: body === undefined ? null : JSON.stringify(body) }
    const request = () => outside.runInAsyncScope(() => this.#pool.request(options))
    return await request().catch(error => {
      if (signal.aborted || !brokenConnection.has(error.code)) throw error
      return request()
    })
  }

  /** What the engine says about it is the best hint that there is. */
  async #failure (Failure: Failure, path: string, { statusCode, body }: Dispatcher.ResponseData): Promise<Error> {
    let text = ''
    const decoder = new TextDecoder()
    try {
      for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true })
        if (text.length > longestDetail) break
      }
    } catch {
      // Broken off: what has come must do.
    }
    const detail = text.trim().slice(0, longestDetail)
    return new Failure(this.#target.model.id, `POST ${path} answered ${statusCode}${detail && `: ${detail}`}`)
  }

  #discard (body: Dispatcher.ResponseData['body']): void {
    body.dump().catch(() => {
      // Nothing in it is wanted.
    })
  }
}
