import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Clock, Timer } from '../clock.ts'
import type { Llmux } from '../host/llmux.ts'
import type { Feeds } from './feeds.ts'
import { stateSchema } from './schemas.ts'

/** Milliseconds from a change to its report: changes at the same moment are reported together. */
const gathering = 20

/**
 * Milliseconds between states while nothing changes: estimates age, and an edge that hears nothing for longer treats the
 * node as gone.
 */
export const stateInterval = 1_000

type Reader = (text: string) => void

/** The whole state, for edges: a reader that missed some has lost nothing. */
export class StateFeed {
  readonly #run = randomUUID().slice(0, 8)
  readonly #llmux: Llmux
  readonly #clock: Clock
  readonly #readers = new Set<Reader>()
  #number = 0
  #timer: Timer
  /** When the next state is due. */
  #due = Infinity

  constructor (llmux: Llmux, clock: Clock) {
    this.#llmux = llmux
    this.#clock = clock
    for (const name of ['engine', 'transition', 'request', 'control', 'models'] as const) llmux.events.on(name, () => this.#soon(gathering))
  }

  /** The present state, unless the reader has it (`lastId`). */
  beginning (lastId: string | undefined): string {
    return lastId === `${this.#run}-${this.#number}` && this.#due > this.#clock.now() + gathering ? '' : this.#text()
  }

  /** Returns a function that stops. */
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
