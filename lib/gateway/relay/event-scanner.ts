/** More than this without an event's end is no event stream: it is not held back any longer. Bytes. */
const longestEvent = 1024 * 1024

/** How an error event begins in the dialects of vLLM's routes: OpenAI's, Anthropic's, that of the Responses API. */
const errorEvent = /^(event: ?error\s|data: ?\{\s*"(error"\s*:|type"\s*:\s*"error"))/m

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
    const end = bytes.length > longestEvent ? bytes.length : lastBoundary(bytes)
    this.#rest = bytes.subarray(end)
    const whole = bytes.subarray(0, end)
    const error = findError(whole)
    return error === -1 ? { whole, fromError: undefined } : { whole: whole.subarray(0, error), fromError: whole.subarray(error) }
  }

  /** What follows the last whole event. */
  get rest (): Buffer {
    return this.#rest
  }
}

/** Where the last event ends: behind an empty line. */
function lastBoundary (bytes: Buffer): number {
  const unix = bytes.lastIndexOf('\n\n')
  const dos = bytes.lastIndexOf('\r\n\r\n')
  return Math.max(unix === -1 ? 0 : unix + 2, dos === -1 ? 0 : dos + 4)
}

function findError (events: Buffer): number {
  // Nearly all events are done with here, without being made into a string.
  if (!events.includes('error')) return -1
  let start = 0
  for (const event of events.toString('latin1').split(/(?<=\r?\n\r?\n)/)) {
    if (errorEvent.test(event)) return start
    start += event.length
  }
  return -1
}
