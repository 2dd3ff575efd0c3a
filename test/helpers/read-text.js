import { finished } from 'node:stream/promises'

/**
 * Reads a stream to its last byte, broken or not. Not by iterating: a stream that breaks forgets what it has not handed out yet.
 * @param {import('node:stream').Readable} stream
 * @param {(text: string) => void} onText
 * @returns {Promise<Error | undefined>} what broke it
 */
export async function readText (stream, onText) {
  // undici's `setEncoding` does not join a character whose bytes come in two chunks.
  const decoder = new TextDecoder()
  stream.on('data', chunk => onText(decoder.decode(chunk, { stream: true })))
  return await finished(stream).then(() => undefined, error => error)
}
