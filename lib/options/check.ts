import { Ajv, _, type CodeOptions, type ValidateFunction } from 'ajv'
import { optionsSchema } from './schema.ts'

/**
 * Fastify's own Ajv coerces types and drops unknown keys; this one only checks. It reads own properties only, so that a
 * polluted prototype is not an option, and stops at the first error, so that the last error of a failed `if` is the one
 * inside it.
 */
export function createAjv (code: CodeOptions): Ajv {
  const ajv = new Ajv({
    strict: true,
    ownProperties: true,
    coerceTypes: false,
    useDefaults: false,
    removeAdditional: false,
    // The errors' texts are ours.
    messages: false,
    // These checks cost time at every start, and a test covers the schema.
    meta: false,
    validateSchema: false,
    code
  })
  // JSON Schema has no functions.
  ajv.addKeyword({ keyword: 'isFunction', schemaType: 'boolean', code: context => context.pass(_`(typeof ${context.data} === "function") === ${context.schema}`) })
  return ajv
}

/** Checks options against the schema. The build replaces this module by what Ajv makes of it, which takes 0.1 s of every start otherwise. */
export const check: ValidateFunction = createAjv({ optimize: false }).compile(optionsSchema)
