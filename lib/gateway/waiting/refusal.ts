import { EngineAnswerError } from '../../errors.ts'
import type { LlmuxError } from '../../errors.ts'
import type { AnswerBody, Head } from '../relay/answer.ts'

/** An engine's reason is short; longer text is not a reason. Bytes. */
const longest = 64 * 1024

/** An answer without an event stream, though the client was promised one: read to its end for its message. */
export class Refusal implements AnswerBody {
  readonly #whole: (text: string) => void
  readonly #broken: (error: Error) => void
  readonly #chunks: Buffer[] = []
  #length = 0

  constructor (whole: (text: string) => void, broken: (error: Error) => void) {
    this.#whole = whole
    this.#broken = broken
  }

  add (chunk: Buffer): boolean {
    if (this.#length < longest) this.#chunks.push(chunk)
    this.#length += chunk.length
    return true
  }

  end (): void {
    this.#whole(Buffer.concat(this.#chunks).toString().slice(0, longest))
  }

  break (error: Error): void {
    this.#broken(error)
  }

  destroy (error: Error): void {
    this.#broken(error)
  }
}

/** The engine's message, as the error that the client gets as an event. */
export function refusalError (model: string, { statusCode }: Head, text: string): LlmuxError {
  const error = new EngineAnswerError(model, statusCode, messageIn(text))
  // A mistake of the client must not look like one of the gateway.
  if (statusCode >= 400) error.statusCode = statusCode
  return error
}

/** The message in vLLM's error, or the whole text. */
function messageIn (text: string): string {
  try {
    const { error, message } = JSON.parse(text)
    return String(error?.message ?? message ?? text)
  } catch {
    return text // Not JSON, or not an object: use the whole text.
  }
}
