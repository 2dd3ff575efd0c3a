import { finished } from 'node:stream/promises'

/**
 * Reads a stream to its last byte, broken or not. Not by iterating: a stream that breaks forgets what it has not handed out yet.
 * @param {import('node:stream').Readable} stream
 * @param {(text: string) => void} onText
 * @returns {Promise<Error | undefined>} what broke it
 */
export async function readText (stream, onText) {
  stream.setEncoding('utf8').on('data', onText)
  return await finished(stream).then(() => undefined, error => error)
}
