import { BodyNotJsonError } from '../../errors.ts'
import { ascii } from './ascii.ts'
import { JsonScanner } from './json-scanner.ts'

/** A key to look for in a JSON body. */
class JsonKey {
  readonly #name: string
  readonly #plain: Buffer
  readonly #longest: number

  constructor (name: string) {
    this.#name = name
    this.#plain = Buffer.from(`"${name}"`)
    this.#longest = `"${'\\u0000'.repeat(name.length)}"`.length
  }

  /**
   * Whether the string at this position is the key. It may contain escapes, as `"mod\u0065l"`: the engine reads that as the
   * same key. For so few bytes a loop takes a fraction of what Buffer's methods take.
   */
  isAt (body: Buffer, start: number, end: number): boolean {
    const length = end - start
    const plain = this.#plain
    if (length < plain.length || length > this.#longest) return false
    let same = 0
    while (same < plain.length && body[start + same] === plain[same]) same++
    if (same === plain.length) return true
    // A key without an escape is what its bytes say.
    for (let at = start + same; at < end; at++) if (body[at] === ascii.backslash) return JSON.parse(body.toString('utf8', start, end)) === this.#name
    return false
  }
}

/** Where in a JSON body the model is, in bytes. */
export interface JsonLocation {
  /** The position after the opening brace. */
  readonly inside: number
  /** Whether the object has no keys. */
  readonly isEmpty: boolean
  /** From the first byte of the value of `model` to the one after its last, if there is such a key. */
  readonly value: Span | undefined
  /** Whether the request asks for an event stream: `"stream": true`. */
  readonly streams: boolean
}

interface Span {
  readonly start: number
  readonly end: number
}

const modelKey = new JsonKey('model')
const streamKey = new JsonKey('stream')

/** RFC 8259 lets a reader ignore a byte order mark; Python's and Fastify's do. */
const afterByteOrderMark = (body: Buffer): number => body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0

/**
 * The members of an object, from the position after its brace. If a key is repeated the last one counts, as in `JSON.parse`
 * and in Python.
 */
function scanMembers (body: Buffer, scanner: JsonScanner, at: number): Pick<JsonLocation, 'value' | 'streams'> & { end: number } {
  let value: Span | undefined
  let streams = false
  for (;;) {
    const keyEnd = scanner.skipString(at)
    const start = scanner.skipColon(keyEnd)
    const end = scanner.skipValue(start)
    if (modelKey.isAt(body, at, keyEnd)) value = { start, end }
    // No other value begins like this one.
    else if (streamKey.isAt(body, at, keyEnd)) streams = body[start] === ascii.letterT
    at = scanner.skipSpace(end)
    if (body[at] !== ascii.comma) return { value, streams, end: at }
    at = scanner.skipSpace(at + 1)
  }
}

/**
 * Checks that a body is a JSON object, and finds its model and whether it asks for a stream.
 *
 * @throws {BodyNotJsonError} also for JSON that is not an object.
 */
export function locateJsonModel (body: Buffer): JsonLocation {
  if (body.length === 0) throw new BodyNotJsonError('it is empty')
  const scanner = new JsonScanner(body)
  const start = scanner.skipSpace(afterByteOrderMark(body))
  if (body[start] !== ascii.openBrace) throw new BodyNotJsonError('it must be an object')
  const inside = start + 1
  const first = scanner.skipSpace(inside)
  const isEmpty = body[first] === ascii.closeBrace
  const { value, streams, end } = isEmpty ? { value: undefined, streams: false, end: first } : scanMembers(body, scanner, first)
  const rest = scanner.skipSpace(scanner.skipByte(end, ascii.closeBrace))
  if (rest < body.length) scanner.fail(rest)
  return { inside, isEmpty, value, streams }
}
