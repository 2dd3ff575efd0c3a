import { EngineAnswerError } from '../../errors.ts'
import type { LlmuxError } from '../../errors.ts'
import type { AnswerBody, Head } from '../relay/answer.ts'

/** An engine's reason is short; more than that is no reason. Bytes. */
const longest = 64 * 1024

/** An answer that is no event stream, though its client has been promised one: read to its end for what it says. */
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

/** What the engine has said, as the error that its client is told by an event. */
export function refusalError (model: string, { statusCode }: Head, text: string): LlmuxError {
  const error = new EngineAnswerError(model, statusCode, messageIn(text))
  // A mistake of the client's is not to look like one of ours.
  if (statusCode >= 400) error.statusCode = statusCode
  return error
}

/** The message in an error of vLLM's, or all of the text. */
function messageIn (text: string): string {
  try {
    const { error, message } = JSON.parse(text)
    return String(error?.message ?? message ?? text)
  } catch {
    return text // not JSON, or no object: then there is nothing to be found in it
  }
}
