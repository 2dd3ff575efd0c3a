import type { ErrorObject } from 'ajv'
import { closest, distance } from 'fastest-levenshtein'
import { optionPath, pointerKeys, valueAt } from './path.ts'
import { modelSchema, optionsSchema, routeSchema, timeoutsSchema, type Schema } from './schema.ts'

type Explanation = [path: string, allowed: string]
type Properties = Record<string, Schema>

/** What the option was instead: a value only if it is short and cannot be a secret. */
function instead (value: unknown, schema: Schema): string {
  if (value === undefined) return ', but is missing'
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return `, not ${value}`
  const type = Array.isArray(value) ? 'array' : typeof value
  // The right type, but a wrong value: the description says what is allowed.
  if (type === schema['type'] && type !== 'string') return ''
  if (typeof value !== 'string') return `, not ${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
  if (schema['writeOnly'] !== true && value.length <= 80) return `, not ${JSON.stringify(value)}`
  return schema['type'] === 'string' ? ', not such a string' : ', not a string'
}

function allowed (schema: Schema, value: unknown): string {
  if (schema === routeSchema && typeof value === 'string') return `is no route that carries a model: ${suggestion(value, routeSchema.enum)}`
  return `${schema['description']}${instead(value, schema)}`
}

/** The key belongs to the other level: say so, since no similar name would help. */
function elsewhere (keys: Array<string | number>, unknown: string): string | undefined {
  const [first, , ...inModel] = keys
  if (first === 'models' && inModel.length === 0 && Object.hasOwn(optionsSchema.properties, unknown)) return `is for all models: set ${unknown} beside models`
  if (first === 'models' && inModel[0] === 'timeouts' && Object.hasOwn(timeoutsSchema.properties, unknown)) return `is for all models: set timeouts.${unknown} beside models`
  if (keys.length === 0 && Object.hasOwn(modelSchema.properties, unknown)) return 'belongs to a model: set it inside models["…"]'
}

function unknownKey (keys: Array<string | number>, unknown: string, schema: Schema): Explanation {
  const known = Object.keys(schema['properties'] as Properties)
  return [optionPath(...keys, unknown), elsewhere(keys, unknown) ?? `is unknown: ${suggestion(unknown, known)}`]
}

/** The schema with the keyword that failed, such as `#/properties/port/minimum`: it says what is allowed. */
function schemaOf ({ schemaPath }: ErrorObject): Schema {
  return valueAt(pointerKeys(decodeURIComponent(schemaPath), optionsSchema).slice(0, -1), optionsSchema) as Schema
}

/** The path and text of Ajv's error. */
export function explain (error: ErrorObject, options: unknown): Explanation {
  const keys = pointerKeys(error.instancePath, options)
  const schema = schemaOf(error)
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(keys, error.params['additionalProperty'], schema)
    case 'propertyNames':
      return [optionPath(...keys, error.params['propertyName']), `${(schema['propertyNames'] as Schema)['description']}`]
    case 'required': {
      const missing = error.params['missingProperty']
      return [optionPath(...keys, missing), allowed((schema['properties'] as Properties)[missing] as Schema, undefined)]
    }
    default:
      return [optionPath(...keys), allowed(schema, valueAt(keys, options))]
  }
}

/** More than half of the letters wrong is not a typing error. */
const isNear = (word: string, known: string): boolean =>
  distance(word.toLowerCase(), known.toLowerCase()) <= Math.max(2, known.length / 2)

/** A suggestion for an unknown word: the nearest known one, or all of them if none is near. */
export function suggestion (word: string, known: readonly string[]): string {
  const nearest = closest(word, known)
  return isNear(word, nearest) ? `did you mean ${nearest}?` : `known are ${known.join(', ')}`
}
