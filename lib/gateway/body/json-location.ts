import { BodyNotJsonError } from '../../errors.ts'
import { ascii } from './ascii.ts'
import { JsonScanner } from './json-scanner.ts'

/** Where in a JSON body the model is, in bytes. */
export interface JsonLocation {
  /** Right behind the opening brace. */
  readonly inside: number
  /** Whether the object has no keys. */
  readonly isEmpty: boolean
  /** The first byte of the value of `model`, and the one after its last, if there is such a key. */
  readonly value: { readonly start: number, readonly end: number } | undefined
}

const plainKey = Buffer.from('"model"')
const longestKey = '"\\u006d\\u006f\\u0064\\u0065\\u006c"'.length

/** A key may be spelled with escapes, as `"mod\u0065l"`: the engine reads it just the same. */
function isModelKey (body: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (length === plainKey.length) return body.compare(plainKey, 0, length, start, end) === 0
  if (length < plainKey.length || length > longestKey) return false
  const key = body.toString('latin1', start, end)
  return key.includes('\\') && JSON.parse(key) === 'model'
}

/** RFC 8259 lets a reader ignore a byte order mark; Python's and Fastify's do. */
const afterByteOrderMark = (body: Buffer): number => body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0

/** The members of an object, given the position inside its brace. Of several `model`s the last counts, as in `JSON.parse` and in Python. */
function scanMembers (body: Buffer, scanner: JsonScanner, at: number): { value: JsonLocation['value'], end: number } {
  let value: JsonLocation['value']
  for (;;) {
    const keyEnd = scanner.skipString(at)
    const start = scanner.skipColon(keyEnd)
    const end = scanner.skipValue(start)
    if (isModelKey(body, at, keyEnd)) value = { start, end }
    at = scanner.skipSpace(end)
    if (body[at] !== ascii.comma) return { value, end: at }
    at = scanner.skipSpace(at + 1)
  }
}

/**
 * Checks that a body is a JSON object, and finds its model.
 *
 * @throws {BodyNotJsonError} also for JSON that is no object.
 */
export function locateJsonModel (body: Buffer): JsonLocation {
  if (body.length === 0) throw new BodyNotJsonError('it is empty')
  const scanner = new JsonScanner(body)
  const start = scanner.skipSpace(afterByteOrderMark(body))
  if (body[start] !== ascii.openBrace) throw new BodyNotJsonError('it must be an object')
  const inside = start + 1
  const first = scanner.skipSpace(inside)
  const isEmpty = body[first] === ascii.closeBrace
  const { value, end } = isEmpty ? { value: undefined, end: first } : scanMembers(body, scanner, first)
  const rest = scanner.skipSpace(scanner.skipByte(end, ascii.closeBrace))
  if (rest < body.length) scanner.fail(rest)
  return { inside, isEmpty, value }
}
