import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'

/** Characters of one line that are kept. vLLM writes its whole configuration into one of about 4,000. */
const longestLine = 8_192

const controlCharacters = /[^\P{Cc}\t]/gu

/** The text without what a terminal would not show as text. */
function plain (text: string): string {
  return stripVTControlCharacters(text).replace(controlCharacters, '').trimEnd()
}

/**
 * Splits one stream of output into lines as a person would read them: without colours, and of a progress bar, which
 * rewrites its line, the last state before the newline. Empty lines are left out, the end of a very long one is cut off.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  readonly #onLine: (line: string) => void
  readonly #onRewrite: (text: string) => void
  #text = ''
  #cut = false
  /** Back at the start of the line: what comes next overwrites it. */
  #returned = false

  /** `onRewrite` gets a line that is being rewritten: the state of a progress bar. */
  constructor (onLine: (line: string) => void, onRewrite: (text: string) => void = () => {}) {
    this.#onLine = onLine
    this.#onRewrite = onRewrite
  }

  /** What has been written of a line that is not over. */
  get pending (): string {
    return plain(this.#text)
  }

  write (chunk: Buffer): void {
    const text = this.#decoder.write(chunk)
    this.#add(text)
    if (this.#text !== '' && text.includes('\r')) this.#onRewrite(this.pending)
  }

  end (): void {
    this.#add(this.#decoder.end())
    this.#finishLine()
  }

  #add (text: string): void {
    const [first, ...rest] = text.split('\n')
    this.#extend(first!)
    for (const next of rest) {
      this.#finishLine()
      this.#extend(next)
    }
  }

  #extend (text: string): void {
    const [first, ...rest] = text.split('\r')
    this.#append(first!)
    for (const next of rest) {
      this.#returned = true
      this.#append(next)
    }
  }

  #append (text: string): void {
    if (text === '') return
    if (this.#returned) this.#clear()
    const whole = this.#text + text
    this.#text = whole.slice(0, longestLine)
    this.#cut ||= whole.length > longestLine
  }

  #finishLine (): void {
    const line = plain(this.#text) + (this.#cut ? '…' : '')
    this.#clear()
    if (line !== '') this.#onLine(line)
  }

  #clear (): void {
    this.#text = ''
    this.#cut = false
    this.#returned = false
  }
}
