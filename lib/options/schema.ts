import { engineNames } from '../engines/index.ts'
import { knownRoutes } from './routes.ts'
import type { ContainerOptions, CostAwareOptions, EvenHandedOptions, FifoOptions, LlmuxOptions, ModelOptions, ModelTimeouts, RecordOptions, SimpleOptions, TimeSliceOptions, Timeouts } from './types.ts'

/** `description` says what is allowed, in words that follow the option's path; `writeOnly` keeps a value out of messages. */
export interface Schema {
  readonly [keyword: string]: unknown
}

/**
 * An object with just the keys of `T`: a key that is in the type but not in the schema, or the reverse, does not
 * compile. Under `strict` Ajv refuses what JSON Schema would ignore.
 */
export function objectOf<T extends object> (description: string, properties: { [K in keyof Required<T>]: Schema }, required: ReadonlyArray<keyof T> = []) {
  return { type: 'object', description, properties, required, additionalProperties: false } as const satisfies Schema
}

function integer (minimum: number, maximum: number, unit = ''): Schema {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`
  return { type: 'integer', minimum, maximum, description: `must be a whole number ${range}${unit}` }
}

/** The first schema for values of this type, the second for all others: unlike `anyOf`, its errors say what is wrong inside. */
function ifType (type: string, schema: Schema, otherwise: Schema): Schema {
  return { if: { type }, then: schema, else: otherwise }
}

const listOf = (items: Schema, description: string, more: Schema = {}): Schema =>
  ({ type: 'array', items, description, ...more })

const boolean: Schema = { type: 'boolean', description: 'must be true or false' }
const oneOf = (...values: unknown[]): Schema =>
  ({ enum: values, description: `must be ${alternatives(values.map(value => JSON.stringify(value)))}` })

/** Not with `Intl.ListFormat`, which loads 7 MiB of language data. */
function alternatives (words: readonly string[]): string {
  if (words.length <= 2) return words.join(' or ')
  return `${words.slice(0, -1).join(', ')}, or ${words.at(-1)}`
}

const freeze = oneOf(true, false, 'late')

// No timer of Node's runs longer, and positions in a body are counted in 32 bits.
const longestTimer = 2 ** 31 - 1
const largestBody = 2 ** 31 - 1
const milliseconds = (minimum: number): Schema => integer(minimum, longestTimer, ' (milliseconds)')
const anyCount = (minimum: number, unit = ''): Schema => integer(minimum, Number.MAX_SAFE_INTEGER, unit)

/** A name becomes an argument of an engine's, a header's value and a word in a log line. */
const name: Schema = {
  type: 'string',
  pattern: '^(?![\\s-])[^\\p{Cc}\\p{Cs}]+(?<!\\s)$',
  description: 'must be a name: not empty, without control characters, white space at its ends or a dash at its start'
}
const argument: Schema = { type: 'string', pattern: '^[^\\0]*$', writeOnly: true, description: 'must be a string without NUL characters' }
const word: Schema = { type: 'string', pattern: '^[^\\0]+$', writeOnly: true, description: 'must be a non-empty string' }

const argv: Schema = listOf(word, 'must be a list of at least one word, the program first', { minItems: 1 })

const command: Schema = ifType(
  'array',
  argv,
  ifType('string', { type: 'string', pattern: '^[^\\0]*[^\\s\\0][^\\0]*$', writeOnly: true, description: 'must be the program with its leading words: not empty' },
    { isFunction: true, description: 'must be a string, a list of strings or a function' })
)

const modelTimeouts = {
  start: milliseconds(1),
  sleep: milliseconds(1),
  wake: milliseconds(1),
  reload: milliseconds(1),
  resetPrefixCache: milliseconds(1),
  health: milliseconds(1),
  drain: milliseconds(1),
  queue: milliseconds(1),
  passive: milliseconds(1),
  wedged: milliseconds(1),
  stalled: milliseconds(1),
  memory: milliseconds(1),
  stop: milliseconds(1)
}

export const timeoutsSchema = objectOf<Timeouts>('must be an object of milliseconds', { ...modelTimeouts, body: milliseconds(1), grace: milliseconds(1) })

const environment: Schema = {
  type: 'object',
  writeOnly: true,
  description: 'must be an object of strings',
  propertyNames: { type: 'string', pattern: '^[^=\\0]+$', description: 'is no name of an environment variable: it must not be empty or contain = or NUL' },
  additionalProperties: argument
}

export const modelSchema = objectOf<ModelOptions>('must be an object: the options of this model', {
  engine: ifType('object', { type: 'object', description: 'must be an adapter' }, { ...oneOf(...engineNames), description: `${oneOf(...engineNames)['description']}, or an adapter of your own` }),
  readyPath: { type: 'string', pattern: '^/[!-~]*$', description: 'must be a path that starts with /' },
  url: { type: 'string', writeOnly: true, description: 'must be an origin: http://host:port or https://host:port, without path or credentials' },
  apiKey: { type: 'string', pattern: '^[\\x21-\\x7e]+$', writeOnly: true, description: 'must be a key without spaces' },
  path: word,
  aliases: listOf(name, 'must be a list of names'),
  adapters: ifType('object', { type: 'object', description: 'must be a list of names, or an object of paths by name', propertyNames: name, additionalProperties: word }, listOf(name, 'must be a list of names, or an object of paths by name')),
  maxAdapters: anyCount(1),
  args: listOf(argument, 'must be a list of strings, one argument each', { writeOnly: true }),
  env: environment,
  command,
  stopCommand: ifType('array', argv, { type: 'string', pattern: '^[^\\0]*[^\\s\\0][^\\0]*$', writeOnly: true, description: 'must be a command: a list of strings, or a string that is not empty' }),
  container: objectOf<ContainerOptions>('must be an object: how its container is run', {
    image: word,
    rootfs: word,
    runtime: oneOf('podman', 'docker'),
    command: argv,
    args: listOf(argument, 'must be a list of strings, one argument each', { writeOnly: true }),
    models: word,
    network: word
  }),
  timeouts: objectOf<ModelTimeouts>('must be an object of milliseconds', modelTimeouts),
  preload: boolean,
  idleTimeout: milliseconds(0),
  idleStopTimeout: milliseconds(0),
  keepAwake: boolean,
  maxConcurrency: anyCount(1),
  maxQueue: anyCount(0),
  warmup: boolean,
  port: integer(1, 65_535),
  sleepLevel: oneOf(1, 2, 3, 'auto'),
  level2Safe: boolean,
  sleepMode: oneOf(true, false, 'simulated'),
  freeze,
  gpus: ifType('object', objectOf<{ any: number }>('must be a list of GPUs, or { any: n }', { any: anyCount(1) }, ['any']), listOf({ anyOf: [anyCount(0), { type: 'string', pattern: '^(GPU|MIG)-.' }], description: 'must be an index from 0, or a name that begins with GPU- or MIG-' }, 'must be a list of GPUs, by index or UUID, at least one and none twice, or { any: n }', { minItems: 1, uniqueItems: true })),
  gpuShare: { type: 'number', exclusiveMinimum: 0, maximum: 1, description: 'must be a number above 0 and at most 1' },
  resident: boolean
})

const factor: Schema = { type: 'number', minimum: 0, description: 'must be a number of at least 0' }
const aboveZero: Schema = { type: 'number', exclusiveMinimum: 0, description: 'must be a number above 0' }
const maxWait = milliseconds(0)

const policySchemas = [
  objectOf<EvenHandedOptions>('must be an object', { type: oneOf('even-handed'), beta: aboveZero, maxWait }),
  objectOf<FifoOptions>('must be an object', { type: oneOf('fifo'), minActive: milliseconds(0) }),
  objectOf<CostAwareOptions>('must be an object', { type: oneOf('cost-aware'), amortizationFactor: factor, coalesceWindow: milliseconds(0), maxWait }),
  objectOf<TimeSliceOptions>('must be an object', { type: oneOf('time-slice'), minQuantum: milliseconds(0), maxWait }),
  objectOf<SimpleOptions>('must be an object', { type: oneOf('simple'), perRequest: factor, perSecond: factor, maxWait })
]

/** Each kind of policy has options of its own. */
function policy (): Schema {
  const types = oneOf(...policySchemas.flatMap(({ properties }) => properties.type['enum']))
  const unknown: Schema = { type: 'object', properties: { type: types }, required: ['type'] }
  const ours = policySchemas.reduceRight((otherwise, schema) => ({
    if: { type: 'object', properties: { type: schema.properties.type }, required: ['type'] }, then: schema, else: otherwise
  }), unknown)
  return ifType('object', ours, ifType('string', types, { isFunction: true, description: `${types['description']}, an object or a function` }))
}

export const routeSchema = { enum: knownRoutes.map(route => route.path), description: 'must be a route that carries a model' }

/** The whole options object. Defaults are filled in elsewhere: a validator that also changes what it reads is hard to trust. */
export const optionsSchema = objectOf<LlmuxOptions>('must be an object', {
  models: {
    type: 'object',
    minProperties: 1,
    description: 'must be an object of models by name, with at least one',
    propertyNames: name,
    additionalProperties: modelSchema
  },
  command,
  prefix: {
    type: 'string',
    pattern: '^(/(?!\\.\\.?(/|$))[\\w.~-]+)*$',
    description: 'must be empty or a path that starts with / and does not end with it, of letters, digits and - . _ ~'
  },
  policy: policy(),
  priority: ifType('boolean', boolean, { isFunction: true, description: 'must be true, false or a function' }),
  mayCauseSwitch: { isFunction: true, description: 'must be a function' },
  edgeKey: { type: 'string', pattern: '^[\\x21-\\x7e]+$', writeOnly: true, description: 'must be a key without spaces' },
  learnedFile: word,
  record: objectOf<RecordOptions>('must be an object of paths', { arrivals: word, decisions: word }),
  engineLogLevel: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  closeWithGrace: boolean,
  routes: listOf(routeSchema, 'must be a list of routes, none twice', { uniqueItems: true }),
  modelHeader: ifType('string',
    { type: 'string', pattern: "^[\\w!#$%&'*+.^`|~-]+$", description: 'must be the name of a header, or false' },
    { enum: [false], description: 'must be the name of a header, or false' }),
  defaultModel: { type: 'string', description: 'must be a name, an alias or an adapter of a model' },
  fallbackUpstream: { type: 'string', writeOnly: true, description: 'must be an origin: http://host:port or https://host:port, without path or credentials' },
  forwardCredentials: boolean,
  exposeEngineOutput: boolean,
  bodyLimit: integer(1, largestBody, ' (bytes)'),
  freeze,
  heartbeat: ifType('integer', milliseconds(100), { enum: [false], description: 'must be a whole number of milliseconds, at least 100, or false' }),
  replay: boolean,
  gpuMemoryCommand: ifType('array', argv, { enum: [false], description: 'must be a list of strings, the program first, or false' }),
  hostMemory: { type: 'number', exclusiveMinimum: 0, description: 'must be a number of bytes, or a share above 0 and at most 1' },
  maxQueue: anyCount(0),
  maxQueueBytes: anyCount(0, ' (bytes)'),
  timeouts: timeoutsSchema
}, ['models'])
