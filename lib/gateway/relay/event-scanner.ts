import { ascii } from '../body/ascii.ts'

const { carriageReturn, letterD, letterE, letterT, lineFeed, openBrace, quote, space } = ascii

/** More bytes than this without the end of an event are not an event stream: they are held back no longer. */
const longestEvent = 1024 * 1024

/** The beginning of a line of an error event in the dialects of vLLM's routes: OpenAI's, Anthropic's, that of the Responses API. */
const errorLine = /^(event: ?error\s|data: ?\{\s*"(error"\s*:|type"\s*:\s*"error"))/

/** The part of a line that shows whether it is one. Bytes. */
const lineBeginning = 64

const nothing = Buffer.alloc(0)

export interface Scanned {
  /** Complete events. */
  whole: Buffer
  /** From an error event on; undefined if there is none. */
  fromError: Buffer | undefined
}

/** Cuts an event stream after its last complete event, so that nothing is appended to a broken line, and finds error events. */
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

  /** What follows the last complete event. */
  get rest (): Buffer {
    return this.#rest
  }
}

/** Nearly all chunks end this way: then there is nothing to search. */
export function endsEvent (bytes: Buffer): boolean {
  const { length } = bytes
  if (bytes[length - 1] !== lineFeed) return false
  return bytes[length - 2] === lineFeed || (bytes[length - 2] === carriageReturn && bytes[length - 3] === lineFeed)
}

/** The end of the last event: after an empty line. */
function lastBoundary (bytes: Buffer): number {
  const unix = bytes.lastIndexOf('\n\n')
  const dos = bytes.lastIndexOf('\r\n\r\n')
  return Math.max(unix === -1 ? 0 : unix + 2, dos === -1 ? 0 : dos + 4)
}

/**
 * The position of the first error event, -1 if there is none. Goes from line to line: searching for the word takes several
 * times as long.
 */
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

/** Handles nearly all lines, without making a string of them. */
function mayBeError (bytes: Buffer, line: number): boolean {
  if (bytes[line] === letterE) return true
  if (bytes[line] !== letterD) return false
  let at = line + 'data:'.length
  while (bytes[at] === space || bytes[at] === openBrace) at++
  // The first key: `error` or `type`.
  return bytes[at] !== quote || bytes[at + 1] === letterE || bytes[at + 1] === letterT
}
