import { StartTimeoutError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import type { EngineAdapter } from '../engines/index.ts'
import { startCauses } from '../start-causes.ts'

/** How many lines of output an error carries. */
const told = 20

/** The last lines that may say something. */
export function lastWords (lines: string[], noise?: RegExp): string[] {
  return lines.filter(line => noise?.test(line) !== true).slice(-told)
}

/** The error, with what the engine wrote last. */
export function withLastWords<Given extends LlmuxError> (error: Given, lines: string[], noise?: RegExp): Given {
  const words = lastWords(lines, noise)
  return words.length === 0 ? error : Object.assign(error, { lastLines: words })
}

/** The error of a start, with its cause, as far as all that the engine wrote tells. */
export function explained (error: LlmuxError, lines: string[], engine: EngineAdapter): LlmuxError {
  const known = engine.startCause?.(lines)
  if (known !== undefined) {
    error.message += `: ${startCauses[known.cause]}`
    return Object.assign(error, { startCause: known.cause, causeLine: known.line })
  }
  return Object.assign(error, { startCause: error.startCause ?? (error instanceof StartTimeoutError ? 'timeout' : 'other') })
}
