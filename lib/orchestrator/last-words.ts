import { StartTimeoutError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import { startCauses } from '../start-causes.ts'
import { recognise } from './start-cause.ts'

/** How many lines are told of a death. */
const told = 20

/** vLLM's banner, and the lines of its log that have no text, as those around it. Progress bars have other blocks. */
const banner = /[▀▄]|^[^[]*\[[\w./]+:\d+\]$/

/** The last lines that may say something. */
export function lastWords (lines: string[]): string[] {
  return lines.filter(line => !banner.test(line)).slice(-told)
}

/** The error, with what the engine wrote last. */
export function withLastWords<Given extends LlmuxError> (error: Given, lines: string[]): Given {
  const words = lastWords(lines)
  return words.length === 0 ? error : Object.assign(error, { lastLines: words })
}

/** The error of a start, with its cause, as far as all that the engine wrote tells. */
export function explained (error: LlmuxError, lines: string[]): LlmuxError {
  const known = recognise(lines)
  if (known !== undefined) {
    error.message += `: ${startCauses[known.cause]}`
    return Object.assign(error, { startCause: known.cause, causeLine: known.line })
  }
  return Object.assign(error, { startCause: error.startCause ?? (error instanceof StartTimeoutError ? 'timeout' : 'other') })
}
