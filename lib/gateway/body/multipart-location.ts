import { isUtf8 } from 'node:buffer'
import { BodyNotMultipartError } from '../../errors.ts'
import { ascii } from './ascii.ts'

/** Where in a multipart body the model is, in bytes. */
export interface MultipartLocation {
  /** `--` and the boundary. */
  readonly delimiter: Buffer
  /** The first byte of the first delimiter. */
  readonly start: number
  /** The content of the part named `model`, if there is one that is not a file. */
  readonly value: { readonly start: number, readonly end: number } | undefined
}

// The engine's own parser refuses more (Starlette: 1,000 fields); reading on would only cost time.
const mostParts = 1_000
const longestHeaders = 16 * 1024
const newLine = Buffer.from('\r\n')
const endOfHeaders = Buffer.from('\r\n\r\n')

function delimiterOf (contentType: string): Buffer {
  if (!/^\s*multipart\/form-data\s*(;|$)/i.test(contentType)) throw new BodyNotMultipartError('the content type is another')
  const boundary = headerParameters(contentType).get('boundary') ?? ''
  // RFC 2046, 5.1.1: from 1 to 70 characters.
  if (boundary === '' || boundary.length > 70) throw new BodyNotMultipartError('the content type has no valid boundary')
  return Buffer.from(`--${boundary}`, 'latin1')
}

function isNewLine (body: Buffer, at: number): boolean {
  return body[at] === newLine[0] && body[at + 1] === newLine[1]
}

/** The position of the headers that follow a delimiter; -1 if this is the last delimiter, undefined if it is not a delimiter. */
function afterDelimiter (body: Buffer, at: number): number | undefined {
  if (body[at] === ascii.minus && body[at + 1] === ascii.minus) return -1
  while (body[at] === ascii.space || body[at] === ascii.tab) at++
  return isNewLine(body, at) ? at + 2 : undefined
}

/** The end of the part's content, and the start of the next part's headers. */
function nextDelimiter (body: Buffer, delimiter: Buffer, from: number): { end: number, next: number } {
  const line = Buffer.concat([newLine, delimiter])
  for (let end = body.indexOf(line, from); end !== -1; end = body.indexOf(line, end + line.length)) {
    const next = afterDelimiter(body, end + line.length)
    if (next !== undefined) return { end, next }
  }
  throw new BodyNotMultipartError('it has no closing boundary')
}

/** Whether the headers of a part say that it is the field `model`. A file of that name does not count. */
function isModelPart (headers: string): boolean {
  const disposition = /^content-disposition:[ \t]*form-data(.*)$/im.exec(headers)?.[1]
  if (disposition === undefined) throw new BodyNotMultipartError('a part has no content disposition')
  const parameters = headerParameters(disposition)
  return parameters.get('name') === 'model' && !parameters.has('filename') && !parameters.has('filename*')
}

/** Reads the headers at this position. Returns whether they are the model's, and where the content starts. */
function readHeaders (body: Buffer, at: number): { isModel: boolean, start: number } {
  // A part without headers has its blank line directly after the delimiter's.
  const window = body.subarray(at - 2, at + longestHeaders)
  const length = window.indexOf(endOfHeaders)
  if (length === -1) throw new BodyNotMultipartError('the headers of a part are too long or have no end')
  return { isModel: isModelPart(window.toString('latin1', 2, length)), start: at - 2 + length + 4 }
}

/** The content of the last field `model`, which is the one that the engine uses. */
function scanParts (body: Buffer, delimiter: Buffer, first: number): MultipartLocation['value'] {
  let value: MultipartLocation['value']
  let at = first
  for (let parts = 0; at !== -1; parts++) {
    if (parts === mostParts) throw new BodyNotMultipartError(`it has more than ${mostParts} parts`)
    const { isModel, start } = readHeaders(body, at)
    const { end, next } = nextDelimiter(body, delimiter, start)
    if (isModel) value = { start, end }
    at = next
  }
  if (value !== undefined && !isUtf8(body.subarray(value.start, value.end))) throw new BodyNotMultipartError('model is not UTF-8')
  return value
}

/**
 * Finds the model in a multipart body.
 *
 * @throws {BodyNotMultipartError} if the body is not multipart/form-data, or the content type has no boundary.
 */
export function locateMultipartModel (body: Buffer, contentType: string): MultipartLocation {
  const delimiter = delimiterOf(contentType)
  let start = 0
  while (isNewLine(body, start)) start += 2
  const isDelimiter = body.subarray(start, start + delimiter.length).equals(delimiter)
  const first = isDelimiter ? afterDelimiter(body, start + delimiter.length) : undefined
  if (first === undefined) throw new BodyNotMultipartError('it does not start with its boundary')
  return { delimiter, start, value: scanParts(body, delimiter, first) }
}

/** One parameter of a structured header: a name, and a token or a quoted string. */
const parameter = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/gs

/** The parameters behind a header's value, as in `form-data; name="model"`; names in lower case, quotes and their escapes undone. */
function headerParameters (header: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', quoted, token = ''] of header.matchAll(parameter)) {
    found.set(name.toLowerCase(), quoted?.replace(/\\(.)/gs, '$1') ?? token)
  }
  return found
}
