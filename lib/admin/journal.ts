import { randomUUID } from 'node:crypto'
import type { LlmuxError } from '../errors.ts'

interface Named<Name extends string = string> {
  name: Name
  event: object
}

/** Any stream of named events. */
export interface EventSource<Name extends string> {
  onEvery (listener: (named: Named<Name>) => void): unknown
}

/** The last events, numbered, for current readers and for readers that reconnect. */
export class Journal<EventName extends string = string> {
  /** Distinguishes the numbers of this process from those of the previous one. */
  readonly #run = randomUUID().slice(0, 8)
  readonly #size: number
  readonly #entries: Array<Named<EventName>> = []
  readonly #readers = new Map<(text: string) => void, ReadonlySet<EventName> | undefined>()
  /** The number of the next event. */
  #next = 0

  constructor (events: EventSource<EventName>, size: number) {
    this.#size = size
    events.onEvery(named => this.#add(named))
  }

  /** The events after that id, as server-sent events, with a note about any that are no longer kept. */
  since (id: string, names?: ReadonlySet<EventName>): string {
    const [, run, number] = /^(\w+)-(\d+)$/.exec(id) ?? []
    const first = this.#next - this.#entries.length
    const wanted = run === this.#run ? Number(number) + 1 : 0
    const gap = run !== this.#run || wanted < first ? 'event: gap\ndata: {"reason":"what came before is not kept any more"}\n\n' : ''
    const from = Math.max(wanted, first)
    const wants = ({ name }: Named<EventName>) => names?.has(name) ?? true
    return gap + this.#entries.slice(from - first).map((entry, index) => wants(entry) ? this.#text(entry, from + index) : '').join('')
  }

  /** `names`: only these events; by default all. Returns a function that stops. */
  read (reader: (text: string) => void, names?: ReadonlySet<EventName>): () => void {
    this.#readers.set(reader, names)
    return () => { this.#readers.delete(reader) }
  }

  #add (entry: Named<EventName>): void {
    const number = this.#next++
    if (this.#size > 0) this.#entries.push(entry)
    if (this.#entries.length > this.#size) this.#entries.shift()
    // Most of the time there is no reader, so nothing is formatted.
    if (this.#readers.size === 0) return
    let text: string | undefined
    for (const [reader, names] of this.#readers) {
      if (names?.has(entry.name) ?? true) reader(text ??= this.#text(entry, number))
    }
  }

  #text ({ name, event }: Named, number: number): string {
    return `id: ${this.#run}-${number}\nevent: ${name}\ndata: ${JSON.stringify(event, withErrors)}\n\n`
  }
}

/** Errors as operators see them, with the engine's output: JSON alone would show less, or nothing. */
export function withErrors (this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key]
  if (!(original instanceof Error)) return value
  const { code, message, startCause, causeLine, lastLines } = original as LlmuxError
  return { code, message, startCause, causeLine, lastLines }
}
