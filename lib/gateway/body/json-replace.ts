import { locateJsonModel } from './json-location.ts'

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
