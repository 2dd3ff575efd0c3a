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

/** The last events, each with a number, for those who look on, and those who come back. */
export class Journal<EventName extends string = string> {
  /** Tells the numbers of this process from those of the one before. */
  readonly #run = randomUUID().slice(0, 8)
  readonly #size: number
  readonly #entries: Array<Named<EventName>> = []
  readonly #readers = new Map<(text: string) => void, ReadonlySet<EventName> | undefined>()
  /** The number of the next. */
  #next = 0

  constructor (events: EventSource<EventName>, size: number) {
    this.#size = size
    events.onEvery(named => this.#add(named))
  }

  /** What has come after that id, as server-sent events, with a word on what is not kept any more. */
  since (id: string, names?: ReadonlySet<EventName>): string {
    const [, run, number] = /^(\w+)-(\d+)$/.exec(id) ?? []
    const first = this.#next - this.#entries.length
    const wanted = run === this.#run ? Number(number) + 1 : 0
    const gap = run !== this.#run || wanted < first ? 'event: gap\ndata: {"reason":"what came before is not kept any more"}\n\n' : ''
    const from = Math.max(wanted, first)
    const wants = ({ name }: Named<EventName>) => names?.has(name) ?? true
    return gap + this.#entries.slice(from - first).map((entry, index) => wants(entry) ? this.#text(entry, from + index) : '').join('')
  }

  /** `names`: only these; by default all. Returns how to stop. */
  read (reader: (text: string) => void, names?: ReadonlySet<EventName>): () => void {
    this.#readers.set(reader, names)
    return () => { this.#readers.delete(reader) }
  }

  #add (entry: Named<EventName>): void {
    const number = this.#next++
    if (this.#size > 0) this.#entries.push(entry)
    if (this.#entries.length > this.#size) this.#entries.shift()
    // Most of the time nobody looks on, and it is not written out for nobody.
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

/** Errors as operators see them, with what the engine wrote: by itself JSON would have less of them, or nothing. */
export function withErrors (this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key]
  if (!(original instanceof Error)) return value
  const { code, message, startCause, causeLine, lastLines } = original as LlmuxError
  return { code, message, startCause, causeLine, lastLines }
}
