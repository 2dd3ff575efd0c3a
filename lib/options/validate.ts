import type { ErrorObject } from 'ajv'
import { OptionsError } from '../errors.ts'
import { check } from './check.ts'
import { explain } from './explanation.ts'
import type { LlmuxOptions } from './types.ts'

/**
 * Checks the options against the schema, and changes nothing in them.
 *
 * @throws {OptionsError} at the first wrong option.
 */
export function validateOptions (options: unknown): asserts options is LlmuxOptions {
  if (check(options)) return
  const error = check.errors?.findLast(({ keyword }) => keyword !== 'if') as ErrorObject
  throw new OptionsError(...explain(error, options))
}
