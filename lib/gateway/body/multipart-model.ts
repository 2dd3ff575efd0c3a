import { locateMultipartModel, type MultipartLocation } from './multipart-location.ts'

/**
 * The model in a multipart body; undefined if there is no such field.
 *
 * @throws {BodyNotMultipartError} if the body is not multipart/form-data, or the content type has no boundary.
 */
export function readMultipartModel (body: Buffer, contentType: string, location: MultipartLocation = locateMultipartModel(body, contentType)): string | undefined {
  const { value } = location
  return value && body.toString('utf8', value.start, value.end)
}

/**
 * The same body with another model; every byte outside the field's content stays as it is. A body without a model gets one,
 * as its first part. The name must contain no control characters; no known name does.
 *
 * @throws {BodyNotMultipartError} if the body is not multipart/form-data, or the content type has no boundary.
 */
export function replaceMultipartModel (body: Buffer, contentType: string, name: string, location: MultipartLocation = locateMultipartModel(body, contentType)): Buffer {
  const { delimiter, start, value } = location
  if (value !== undefined) return Buffer.concat([body.subarray(0, value.start), Buffer.from(name), body.subarray(value.end)])
  const part = Buffer.from(`\r\nContent-Disposition: form-data; name="model"\r\n\r\n${name}\r\n`)
  return Buffer.concat([body.subarray(0, start), delimiter, part, body.subarray(start)])
}
