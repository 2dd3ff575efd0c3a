import { ascii } from '../body/ascii.ts'

const { carriageReturn, letterD, letterE, letterT, lineFeed, openBrace, quote, space } = ascii

/** More than this without an event's end is no event stream: it is not held back any longer. Bytes. */
const longestEvent = 1024 * 1024

/** How a line of an error event begins in the dialects of vLLM's routes: OpenAI's, Anthropic's, that of the Responses API. */
const errorLine = /^(event: ?error\s|data: ?\{\s*"(error"\s*:|type"\s*:\s*"error"))/

/** As much of a line as says whether it is one. Bytes. */
const lineBeginning = 64

const nothing = Buffer.alloc(0)

export interface Scanned {
  /** Whole events. */
  whole: Buffer
  /** From an error event on; undefined if there is none. */
  fromError: Buffer | undefined
}

/** Cuts an event stream after its last whole event, so that nothing glues to a broken line, and finds error events. */
export class EventScanner {
  #rest: Buffer = nothing

  feed (chunk: Buffer): Scanned {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const end = endsEvent(bytes) || bytes.length > longestEvent ? bytes.length : lastBoundary(bytes)
    const whole = end === bytes.length ? bytes : bytes.subarray(0, end)
    this.#rest = end === bytes.length ? nothing : bytes.subarray(end)
    const error = findError(whole)
    return error === -1 ? { whole, fromError: undefined } : { whole: whole.subarray(0, error), fromError: whole.subarray(error) }
  }

  /** What follows the last whole event. */
  get rest (): Buffer {
    return this.#rest
  }
}

/** As nearly all chunks do: then there is nothing to be looked for. */
export function endsEvent (bytes: Buffer): boolean {
  const { length } = bytes
  if (bytes[length - 1] !== lineFeed) return false
  return bytes[length - 2] === lineFeed || (bytes[length - 2] === carriageReturn && bytes[length - 3] === lineFeed)
}

/** Where the last event ends: behind an empty line. */
function lastBoundary (bytes: Buffer): number {
  const unix = bytes.lastIndexOf('\n\n')
  const dos = bytes.lastIndexOf('\r\n\r\n')
  return Math.max(unix === -1 ? 0 : unix + 2, dos === -1 ? 0 : dos + 4)
}

/** Where the first error event begins, -1 if there is none. From line to line: to search for the word takes several times as long. */
function findError (events: Buffer): number {
  let event = 0
  for (let line = 0; line < events.length;) {
    if (mayBeError(events, line) && errorLine.test(events.toString('latin1', line, line + lineBeginning))) return event
    const end = events.indexOf(lineFeed, line)
    if (end === -1) return -1
    const isEmpty = end === line || (end === line + 1 && events[line] === carriageReturn)
    line = end + 1
    if (isEmpty) event = line
  }
  return -1
}

/** Nearly all lines are done with here, without being made into a string. */
function mayBeError (bytes: Buffer, line: number): boolean {
  if (bytes[line] === letterE) return true
  if (bytes[line] !== letterD) return false
  let at = line + 'data:'.length
  while (bytes[at] === space || bytes[at] === openBrace) at++
  // The first key: `error` or `type`.
  return bytes[at] !== quote || bytes[at + 1] === letterE || bytes[at + 1] === letterT
}
