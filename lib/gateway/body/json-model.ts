import { ModelNotStringError } from '../../errors.ts'
import { ascii } from './ascii.ts'
import { locateJsonModel } from './json-location.ts'

const kinds: Record<string, string> = { '{': 'an object', '[': 'an array', t: 'a boolean', f: 'a boolean', n: 'null' }

/**
 * The model in a JSON body; undefined if there is none.
 *
 * @throws {BodyNotJsonError} if the body is not a JSON object.
 * @throws {ModelNotStringError} if `model` is not a string; `null` is not a string either.
 */
export function readJsonModel (body: Buffer, { value } = locateJsonModel(body)): string | undefined {
  if (value === undefined) return undefined
  const { start, end } = value
  if (body[start] !== ascii.quote) throw new ModelNotStringError(kinds[String.fromCharCode(body[start]!)] ?? 'a number')
  const text = body.toString('utf8', start + 1, end - 1)
  // Nearly no name has an escape.
  return text.includes('\\') ? JSON.parse(`"${text}"`) : text
}

/**
 * The same body with another model; every byte outside the value of `model` stays as it is. A body without a model gets one,
 * as its first key.
 *
 * @throws {BodyNotJsonError} if the body is not a JSON object.
 */
export function replaceJsonModel (body: Buffer, name: string, { inside, isEmpty, value } = locateJsonModel(body)): Buffer {
  const quoted = JSON.stringify(name)
  const text = value === undefined ? `"model":${quoted}${isEmpty ? '' : ','}` : quoted
  const { start, end } = value ?? { start: inside, end: inside }
  return Buffer.concat([body.subarray(0, start), Buffer.from(text), body.subarray(end)])
}
