import type { Readable } from 'node:stream'
import { LineSplitter } from './line-splitter.ts'

export type OutputStream = 'stdout' | 'stderr'

const keptLines = 1_000

/** The last lines that a process wrote, to both of its streams, in the order in which they came. */
export class Output {
  readonly #onLine: (stream: OutputStream, line: string) => void
  readonly #onRewrite: (text: string) => void
  readonly #splitters: LineSplitter[] = []
  readonly #streams: Readable[] = []
  #lines: string[] = []

  /** `onRewrite` gets the states of progress bars, which become lines only at their end. */
  constructor (onLine: (stream: OutputStream, line: string) => void, onRewrite: (text: string) => void = () => {}) {
    this.#onLine = onLine
    this.#onRewrite = onRewrite
  }

  read (name: OutputStream, stream: Readable): void {
    const splitter = new LineSplitter(line => this.#add(name, line), this.#onRewrite)
    this.#splitters.push(splitter)
    this.#streams.push(stream)
    stream.on('data', chunk => splitter.write(chunk))
    stream.on('close', () => splitter.end())
    // A pipe that breaks has nothing more to say; how the process fares is told by its exit.
    stream.on('error', () => {})
  }

  /** Oldest first, with what has been written of lines that are not over. */
  last (count: number): string[] {
    const pending = this.#splitters.map(splitter => splitter.pending).filter(Boolean)
    return [...this.#lines, ...pending].slice(-count)
  }

  /** Resolves when all has been read. */
  async ended (): Promise<void> {
    await Promise.all(this.#streams.map(stream => stream.closed || new Promise(resolve => stream.once('close', resolve))))
  }

  /** Stops reading: somebody outside the group may hold the pipes open. */
  close (): void {
    this.#streams.forEach(stream => stream.destroy())
  }

  #add (name: OutputStream, line: string): void {
    this.#lines.push(line)
    if (this.#lines.length >= 2 * keptLines) this.#lines = this.#lines.slice(-keptLines)
    this.#onLine(name, line)
  }
}
