import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Clock, Timer } from '../clock.ts'
import type { Llmux } from '../host/llmux.ts'
import type { Feeds } from './feeds.ts'
import { stateSchema } from './schemas.ts'

/** Milliseconds from a change until it is told: what comes in the same moment is told at once. */
const gathering = 20

/** Milliseconds from one state to the next while nothing changes: estimates go by the time, and whoever hears nothing for longer takes the node for gone. */
export const stateInterval = 1_000

type Reader = (text: string) => void

/** What the gateway is doing, as a whole, for edges: whoever has missed something has lost nothing. */
export class StateFeed {
  readonly #run = randomUUID().slice(0, 8)
  readonly #llmux: Llmux
  readonly #clock: Clock
  readonly #readers = new Set<Reader>()
  #number = 0
  #timer: Timer
  /** When it is told next. */
  #due = Infinity

  constructor (llmux: Llmux, clock: Clock) {
    this.#llmux = llmux
    this.#clock = clock
    for (const name of ['engine', 'transition', 'request', 'control', 'models'] as const) llmux.events.on(name, () => this.#soon(gathering))
  }

  /** The state of this moment, unless `lastId` says that it is known. */
  beginning (lastId: string | undefined): string {
    return lastId === `${this.#run}-${this.#number}` && this.#due > this.#clock.now() + gathering ? '' : this.#text()
  }

  /** Returns how to stop. */
  read (reader: Reader): () => void {
    this.#readers.add(reader)
    this.#soon(stateInterval)
    return () => { this.#readers.delete(reader) }
  }

  #soon (delay: number): void {
    const time = this.#clock.now() + delay
    if (this.#readers.size === 0 || time >= this.#due) return
    this.#clock.clearTimeout(this.#timer)
    this.#due = time
    this.#timer = this.#clock.setTimeout(() => this.#tell(), delay)
  }

  #tell (): void {
    this.#due = Infinity
    if (this.#readers.size === 0) return
    this.#number++
    const text = this.#text()
    for (const reader of this.#readers) reader(text)
    this.#soon(stateInterval)
  }

  #text (): string {
    return `id: ${this.#run}-${this.#number}\nevent: state\ndata: ${JSON.stringify({ time: this.#clock.now(), ...this.#llmux.nodeState() })}\n\n`
  }
}

export function stateRoute (scope: FastifyInstance, feeds: Feeds, states: StateFeed): void {
  scope.get<{ Headers: { 'last-event-id'?: string } }>('/state', { schema: stateSchema, exposeHeadRoute: false }, ({ headers }, reply) =>
    feeds.open(reply, { type: 'text/event-stream', beginning: `: open\n\n${states.beginning(headers['last-event-id'])}` }, write => states.read(write)))
}
