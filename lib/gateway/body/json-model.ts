import { ModelNotStringError } from '../../errors.ts'
import { locateJsonModel } from './json-location.ts'

const kinds: Record<string, string> = { '{': 'an object', '[': 'an array', t: 'a boolean', f: 'a boolean', n: 'null' }

/**
 * The model that a JSON body names, if it names one.
 *
 * @throws {BodyNotJsonError} if the body is no JSON object.
 * @throws {ModelNotStringError} if `model` is there, but not a string; `null` is none either.
 */
export function readJsonModel (body: Buffer, { value } = locateJsonModel(body)): string | undefined {
  if (value === undefined) return undefined
  const first = body.toString('latin1', value.start, value.start + 1)
  if (first !== '"') throw new ModelNotStringError(kinds[first] ?? 'a number')
  return JSON.parse(body.toString('utf8', value.start, value.end))
}
