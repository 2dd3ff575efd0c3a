import { Ajv, type ErrorObject } from 'ajv'
import { OptionsError } from '../errors.ts'
import { explain } from './explanation.ts'
import { optionsSchema } from './schema.ts'
import type { LlmuxOptions } from './types.ts'

/**
 * Fastify's own Ajv coerces types and drops unknown keys; this one only looks. It looks at own properties, so that
 * a polluted prototype is not taken for an option, and stops at the first error, so that the last of a failed
 * `if` is the one inside it.
 */
const ajv = new Ajv({
  strict: true,
  ownProperties: true,
  verbose: true,
  coerceTypes: false,
  useDefaults: false,
  removeAdditional: false,
  // Every start pays for these, and the options are looked at once. That the schema is one is tested.
  meta: false,
  validateSchema: false,
  code: { optimize: false }
})

// JSON Schema knows no functions.
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
