import { ModelNotStringError } from '../../errors.ts'
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
  const first = body.toString('latin1', value.start, value.start + 1)
  if (first !== '"') throw new ModelNotStringError(kinds[first] ?? 'a number')
  return JSON.parse(body.toString('utf8', value.start, value.end))
}
