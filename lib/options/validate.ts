import { Ajv, type ErrorObject } from 'ajv'
import { OptionsError } from '../errors.ts'
import { explain } from './explanation.ts'
import { optionsSchema } from './schema.ts'
import type { LlmuxOptions } from './types.ts'

/**
 * Fastify's own Ajv coerces types and drops unknown keys; this one only checks. It reads own properties only, so that a
 * polluted prototype is not an option, and stops at the first error, so that the last error of a failed `if` is the one
 * inside it.
 */
const ajv = new Ajv({
  strict: true,
  ownProperties: true,
  verbose: true,
  coerceTypes: false,
  useDefaults: false,
  removeAdditional: false,
  // These checks cost time at every start, and a test covers the schema.
  meta: false,
  validateSchema: false,
  code: { optimize: false }
})

// JSON Schema has no functions.
ajv.addKeyword({ keyword: 'isFunction', schemaType: 'boolean', validate: (wanted: boolean, value: unknown) => (typeof value === 'function') === wanted })

const validate = ajv.compile(optionsSchema)

/**
 * Checks the options against the schema, and changes nothing in them.
 *
 * @throws {OptionsError} at the first wrong option.
 */
export function validateOptions (options: unknown): asserts options is LlmuxOptions {
  if (validate(options)) return
  const error = validate.errors?.findLast(({ keyword }) => keyword !== 'if') as ErrorObject
  throw new OptionsError(...explain(error, options))
}
