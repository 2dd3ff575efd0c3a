import type { ValidateFunction } from 'ajv'
import { createAjv } from './compile.ts'
import { optionsSchema } from './schema.ts'

/** Checks options against the schema. The build replaces this module by what Ajv makes of it, which takes 0.1 s of every start otherwise. */
export const check: ValidateFunction = createAjv({ optimize: false }).compile(optionsSchema)
