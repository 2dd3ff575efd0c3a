import { PassThrough } from 'node:stream'
import type { Readable } from 'node:stream'
import type { ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { Exchange } from '../../../../lib/gateway/relay/exchange.ts'
import { Passage } from '../../../../lib/gateway/relay/passage.ts'
import type { EngineLink, PassageRecord } from '../../../../lib/gateway/relay/passage.ts'
import { ReplySink } from '../../../../lib/gateway/relay/reply-sink.ts'
import type { UpstreamResponse } from '../../../../lib/gateway/relay/reply-sink.ts'
import type { Endpoint } from '../../../../lib/orchestrator/driver.ts'
import { Lease } from '../../../../lib/switcher/lease.ts'
import type { Answer } from '../../../../lib/switcher/queue.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'

/** One sending, as the engine sees it: the test plays the engine. */
export class Sending {
  readonly options: Dispatcher.DispatchOptions
  readonly #handler: Dispatcher.DispatchHandler
  aborted: Error | undefined
  paused = false
  readonly #controller: Dispatcher.DispatchController

  constructor (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
    this.options = options
    this.#handler = handler
    const sending = this
    this.#controller = {
      aborted: false,
      get paused () { return sending.paused },
      reason: null,
      abort: reason => { this.aborted ??= reason },
      pause: () => { this.paused = true },
      resume: () => { this.paused = false }
    }
  }

  start (): this {
    this.#handler.onRequestStart!(this.#controller, {})
    return this
  }

  head (statusCode = 200, headers: Record<string, string> = { 'content-type': 'application/json' }): this {
    this.#handler.onResponseStart!(this.#controller, statusCode, headers)
    return this
  }

  events (): this {
    return this.head(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  }

  data (text: string | Buffer): this {
    this.#handler.onResponseData!(this.#controller, Buffer.from(text))
    return this
  }

  end (): this {
    this.#handler.onResponseEnd!(this.#controller, {})
    return this
  }

  fail (message = 'other side closed'): this {
    this.#handler.onResponseError!(this.#controller, new Error(message))
    return this
  }
}

/** An answer that did not come all at once. */
export type StreamedAnswer = UpstreamResponse & { body: Readable }

export interface Renewal extends Answer {
  suspect: boolean
  alone?: boolean
  left: boolean
  grant (): Lease
}

/** One exchange with everything around it played by the test. */
export function rig ({ replay = true, path = '/v1/chat/completions', fallback = false } = {}) {
  const clock = new FakeClock()
  const client = Object.assign(new PassThrough(), { req: { aborted: false } })
  const sendings: Sending[] = []
  const renewals: Renewal[] = []
  const examined: string[] = []
  const ends: string[] = []
  const pauses: boolean[] = []
  let verdict: (alive: boolean) => void = () => { throw new Error('nobody has asked') }
  let waiting = false
  const silent = { size: 0 }
  const endpoint: Endpoint = {
    origin: 'http://engine',
    apiKey: undefined,
    dispatcher: { dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => { sendings.push(new Sending(options, handler)); return true } } as unknown as Dispatcher
  }
  const newLease = () => new Lease({ id: 1, model: 'm', since: clock.now(), onEnd: (_lease, how) => { ends.push(how) } })
  const link: EngineLink = {
    lease: newLease(),
    begun: () => undefined,
    replay,
    endpoint: () => endpoint,
    renew: (suspicion, answer) => {
      const renewal: Renewal = { ...suspicion, left: false, ...answer, grant: () => { const lease = newLease(); answer.granted(lease); return lease } }
      renewals.push(renewal)
      return () => { renewal.left = true }
    },
    silent: () => { silent.size = 1 },
    heard: () => { silent.size = 0 },
    frozen: frozen => { pauses.push(frozen) },
    stall: { clock, limit: 1_000, expired: () => waiting, over: () => {} },
    examine: reason => {
      examined.push(reason)
      return new Promise(resolve => { verdict = resolve })
    }
  }
  const recorded = { sendings: 0, answered: 0, bytes: 0, errors: [] as Error[] }
  const record: PassageRecord = {
    sending: (headers, send) => { recorded.sendings++; send(headers) },
    answered: () => { recorded.answered++ },
    passed: chunk => { recorded.bytes += chunk.length },
    over: () => {},
    failed: error => recorded.errors.push(error)
  }
  const passage = new Passage(path, client as unknown as ServerResponse, fallback ? endpoint : link, record)
  const answers: Array<UpstreamResponse | Error> = []
  new Exchange(passage, { path, method: 'POST', headers: [], body: 'b' }, new ReplySink(passage, (error, response) => answers.push(error ?? response!))).send()
  return {
    clock,
    client,
    passage,
    sendings,
    renewals,
    examined,
    ends,
    pauses,
    silent,
    answers,
    recorded,
    lease: link.lease,
    setWaiting: (value: boolean) => { waiting = value },
    /** The engine's health as the examination finds it. */
    async find (alive: boolean) {
      verdict(alive)
      await new Promise(resolve => setImmediate(resolve))
    },
    /** Pipes the answer to the client, as Fastify does it. */
    pipe () {
      const { body } = answers[0] as StreamedAnswer
      body.on('error', () => {})
      body.pipe(client)
      let text = ''
      client.on('data', chunk => { text += String(chunk) })
      return { body, text: () => text }
    }
  }
}
