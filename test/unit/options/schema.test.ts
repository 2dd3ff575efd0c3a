import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { modelSchema, optionsSchema, timeoutsSchema } from '../../../lib/options/schema.ts'
import { refusal, modelOf, withModel, withTop, resolve } from './helper.ts'

const millisecond = 'must be a whole number from 1 to 2147483647 (milliseconds)'
const boolean = 'must be true or false'
const policies = '"even-handed", "fifo", "cost-aware", "time-slice", or "simple"'
const name = 'must be a name: not empty, without control characters, white space at its ends or a dash at its start'

/** What is accepted, and what is refused with which words. */
interface Case {
  good: unknown[]
  bad: Array<[value: unknown, path: string, words: string]>
}

const timeoutNames = ['start', 'sleep', 'wake', 'reload', 'resetPrefixCache', 'health', 'drain', 'queue', 'passive', 'wedged', 'stalled', 'memory', 'stop']

const modelCases: Record<string, Case> = {
  path: {
    good: ['org/name', '/models/a b'],
    bad: [['', '', 'must be a non-empty string, not such a string'], [1, '', 'must be a non-empty string, not 1'], ['a\0b', '', 'must be a non-empty string']]
  },
  aliases: {
    good: [[], ['b'], ['org/b.c-1', 'ünï', '__proto__', 'constructor', 'two words']],
    bad: [
      ['b', '', 'must be a list of names, not "b"'],
      [{}, '', 'must be a list of names, not an object'],
      [[1], '[0]', `${name}, not 1`],
      [['b', ''], '[1]', name],
      [['b\n'], '[0]', name],
      [['\u0000'], '[0]', name],
      [['\u0085'], '[0]', name],
      [['--host'], '[0]', name],
      [[' b'], '[0]', name],
      [['b '], '[0]', name],
      [['\ud800'], '[0]', name]
    ]
  },
  adapters: {
    good: [[], ['lora'], {}, { lora: '/adapters/lora' }],
    bad: [['lora', '', 'must be a list of names, or an object of paths by name'], [[null], '[0]', `${name}, not null`], [{ lora: '' }, '.lora', 'must be a non-empty string'], [{ ' x': '/x' }, '[" x"]', name]]
  },
  maxAdapters: { good: [1, 100], bad: [[0, '', 'must be a whole number of at least 1, not 0']] },
  args: {
    good: [[], ['--max-model-len', '4096'], ['']],
    bad: [['--a', '', 'must be a list of strings, one argument each, not a string'], [['--n', 4096], '[1]', 'must be a string without NUL characters, not 4096'], [['a\0'], '[0]', 'must be a string without NUL']]
  },
  env: {
    good: [{}, { HF_HOME: '/models', EMPTY: '' }],
    bad: [
      [[], '', 'must be an object of strings, not an array'],
      [{ A: 1 }, '["A"]', 'must be a string without NUL characters, not 1'],
      [{ A: 'a\0' }, '["A"]', 'must be a string without NUL'],
      [{ 'A=B': 'c' }, '["A=B"]', 'is no name of an environment variable'],
      [{ '': 'c' }, '[""]', 'is no name of an environment variable']
    ]
  },
  command: {
    good: ['vllm', 'uv run vllm', ['vllm'], () => ['vllm']],
    bad: [
      ['', '', 'must be the program with its leading words: not empty'],
      [' \t', '', 'must be the program with its leading words: not empty'],
      [[], '', 'must be a list of at least one word, the program first'],
      [[''], '[0]', 'must be a non-empty string'],
      [['vllm', 1], '[1]', 'must be a non-empty string, not 1'],
      [{}, '', 'must be a string, a list of strings or a function, not an object'],
      [null, '', 'must be a string, a list of strings or a function, not null']
    ]
  },
  timeouts: {
    good: [{}, { start: 1 }, { stop: 2 ** 31 - 1 }],
    bad: [[5, '', 'must be an object of milliseconds, not 5'], ...timeoutNames.flatMap((key): Case['bad'] => [
      [{ [key]: 0 }, `.${key}`, `${millisecond}, not 0`],
      [{ [key]: 1.5 }, `.${key}`, `${millisecond}, not 1.5`],
      [{ [key]: '5s' }, `.${key}`, `${millisecond}, not "5s"`],
      [{ [key]: Infinity }, `.${key}`, `${millisecond}, not Infinity`],
      [{ [key]: NaN }, `.${key}`, `${millisecond}, not NaN`],
      [{ [key]: 2 ** 31 }, `.${key}`, `${millisecond}, not 2147483648`]
    ])]
  },
  preload: { good: [true, false], bad: [['yes', '', `${boolean}, not "yes"`], [1, '', `${boolean}, not 1`], [null, '', boolean]] },
  warmup: { good: [true, false], bad: [['true', '', `${boolean}, not "true"`]] },
  maxQueue: { good: [0, 10_000], bad: [[-1, '', 'must be a whole number of at least 0, not -1'], ['8', '', 'must be a whole number of at least 0, not "8"']] },
  maxConcurrency: { good: [1, 10_000], bad: [[0, '', 'must be a whole number of at least 1, not 0'], [2.5, '', 'must be a whole number of at least 1, not 2.5'], ['8', '', 'must be a whole number of at least 1, not "8"']] },
  port: { good: [1, 8_000, 65_535], bad: [[0, '', 'must be a whole number from 1 to 65535, not 0'], [65_536, '', 'must be a whole number from 1 to 65535, not 65536'], ['8000', '', 'must be a whole number from 1 to 65535, not "8000"']] },
  engine: { good: ['vllm', 'llama.cpp', { name: 'x', levels: [3], command: 'x', argv: () => ['x'] }], bad: [['tgi', '', 'must be "vllm", "llama.cpp", "sglang", or "openai", or an adapter of your own, not "tgi"']] },
  stopCommand: { good: ['docker stop x', ['docker', 'stop', '{name}']], bad: [['', '', 'must be a command: a list of strings, or a string that is not empty'], [[], '', 'must be a list of at least one word'], [1, '', 'must be a command: a list of strings, or a string that is not empty, not 1']] },
  container: {
    good: [{ image: 'vllm/vllm-openai' }, { rootfs: '/srv/fs', command: ['podman'], args: [], models: '/models', network: 'host' }],
    bad: [['vllm', '', 'must be an object: how its container is run, not "vllm"'], [{ image: '' }, '.image', 'must be a non-empty string'], [{ image: 'i', runtime: 'lxc' }, '.runtime', 'must be "podman" or "docker", not "lxc"']]
  },
  // Good ones need an engine beside them: checks.test.ts.
  url: { good: [], bad: [[8_000, '', 'must be an origin: http://host:port or https://host:port, without path or credentials']] },
  apiKey: { good: [], bad: [['a key', '', 'must be a key without spaces']] },
  readyPath: { good: ['/', '/v1/models?x'], bad: [['health', '', 'must be a path that starts with /, not "health"'], ['/a b', '', 'must be a path that starts with /, not "/a b"']] },
  sleepLevel: { good: [1, 2, 3, 'auto'], bad: [[0, '', 'must be 1, 2, 3, or "auto", not 0'], [4, '', 'must be 1, 2, 3, or "auto", not 4'], ['1', '', 'must be 1, 2, 3, or "auto", not "1"']] },
  level2Safe: { good: [true, false], bad: [[2, '', `${boolean}, not 2`]] },
  sleepMode: { good: [true, 'simulated'], bad: [['real', '', 'must be true, false, or "simulated", not "real"'], [1, '', 'must be true, false, or "simulated", not 1']] },
  freeze: { good: [true, false, 'late'], bad: [['early', '', 'must be true, false, or "late", not "early"']] },
  gpus: {
    good: [[0], [1, 0], ['GPU-1'], ['MIG-1', 0], { any: 1 }],
    bad: [
      [[], '', 'must be a list of GPUs, by index or UUID, at least one and none twice, or { any: n }'],
      [[0, 0], '', 'must be a list of GPUs, by index or UUID, at least one and none twice, or { any: n }'],
      [0, '', 'must be a list of GPUs, by index or UUID, at least one and none twice, or { any: n }, not 0'],
      [{ any: 0 }, '.any', 'must be a whole number of at least 1, not 0'],
      [[-1], '[0]', 'must be an index from 0, or a name that begins with GPU- or MIG-, not -1'],
      [['0'], '[0]', 'must be an index from 0, or a name that begins with GPU- or MIG-, not "0"']
    ]
  },
  gpuShare: { good: [0.01, 0.5, 1], bad: [[0, '', 'must be a number above 0 and at most 1, not 0'], [1.01, '', 'must be a number above 0 and at most 1, not 1.01'], ['half', '', 'must be a number above 0 and at most 1, not "half"']] },
  idleTimeout: { good: [0, 60_000], bad: [[-1, '', 'must be a whole number from 0 to 2147483647 (milliseconds), not -1']] },
  idleStopTimeout: { good: [0, 60_000], bad: [['1h', '', 'must be a whole number from 0 to 2147483647 (milliseconds), not "1h"']] },
  resident: { good: [true, false], bad: [[1, '', `${boolean}, not 1`]] },
  keepAwake: { good: [true, false], bad: [[1, '', `${boolean}, not 1`]] }
}

const topCases: Record<string, Case> = {
  command: modelCases['command'] as Case,
  freeze: modelCases['freeze'] as Case,
  timeouts: {
    good: [...(modelCases['timeouts'] as Case).good, { body: 1, grace: 1 }],
    bad: [...(modelCases['timeouts'] as Case).bad, [{ body: 0 }, '.body', `${millisecond}, not 0`], [{ grace: 0 }, '.grace', `${millisecond}, not 0`]]
  },
  prefix: {
    good: ['', '/llm', '/a/b', '/v1.0/~x_y-z'],
    bad: ['/', 'llm', '/llm/', '//llm', '/a//b', '/:id', '/*', '/a b', '/..', '/a/../b', '/.', '/a?b', '/%2e'].map((value): Case['bad'][number] =>
      [value, '', 'must be empty or a path that starts with / and does not end with it'])
  },
  policy: {
    good: [
      'fifo', 'even-handed', 'cost-aware', 'time-slice', 'simple', () => {},
      { type: 'fifo' }, { type: 'fifo', minActive: 0 },
      { type: 'even-handed', beta: 0.01, maxWait: 0 },
      { type: 'cost-aware', amortizationFactor: 0, coalesceWindow: 0, maxWait: 0 },
      { type: 'time-slice', minQuantum: 0, maxWait: 0 },
      { type: 'simple', perRequest: 0, perSecond: 0.5, maxWait: 0 }
    ],
    bad: [
      ['lru', '', `must be ${policies}, not "lru"`],
      [true, '', `must be ${policies}, an object or a function, not true`],
      [{}, '.type', `must be ${policies}, but is missing`],
      [{ type: 'lru' }, '.type', `must be ${policies}, not "lru"`],
      [{ type: 'fifo', minActive: -1 }, '.minActive', 'must be a whole number from 0 to 2147483647 (milliseconds), not -1'],
      [{ type: 'even-handed', beta: 0 }, '.beta', 'must be a number above 0, not 0'],
      [{ type: 'even-handed', maxWait: 0.5 }, '.maxWait', 'must be a whole number from 0 to 2147483647 (milliseconds), not 0.5'],
      [{ type: 'cost-aware', amortizationFactor: -1 }, '.amortizationFactor', 'must be a number of at least 0, not -1'],
      [{ type: 'time-slice', minQuantum: '1' }, '.minQuantum', 'must be a whole number from 0'],
      [{ type: 'simple', perSecond: '1' }, '.perSecond', 'must be a number of at least 0, not "1"']
    ]
  },
  priority: { good: [true, false, () => 0], bad: [[1, '', 'must be true, false or a function, not 1']] },
  mayCauseSwitch: { good: [() => true], bad: [[false, '', 'must be a function, not false']] },
  edgeKey: { good: ['key', '!'], bad: [['', '', 'must be a key without spaces, not such a string'], ['a b', '', 'must be a key without spaces, not such a string'], [1, '', 'must be a key without spaces, not 1']] },
  learnedFile: { good: ['/var/lib/llmux/learned.json'], bad: [['', '', 'must be a non-empty string'], [true, '', 'must be a non-empty string, not true']] },
  record: {
    good: [{}, { arrivals: 'a.csv' }, { decisions: 'b.jsonl' }],
    bad: [['a.csv', '', 'must be an object of paths, not "a.csv"'], [{ arrivals: true }, '.arrivals', 'must be a non-empty string, not true']]
  },
  engineLogLevel: {
    good: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    bad: [['verbose', '', 'must be "trace", "debug", "info", "warn", "error", "fatal", or "silent", not "verbose"'], [20, '', 'must be "trace"']]
  },
  closeWithGrace: { good: [true, false], bad: [[500, '', `${boolean}, not 500`]] },
  routes: {
    good: [[], ['/v1/chat/completions', '/tokenize']],
    bad: [
      ['/v1/chat/completions', '', 'must be a list of routes, none twice, not "/v1/chat/completions"'],
      [['/score', '/score'], '', 'must be a list of routes, none twice'],
      [['/v1/chat/completion'], '[0]', 'is no route that carries a model: did you mean /v1/chat/completions?'],
      [['/sleep'], '[0]', 'is no route that carries a model: known are /v1/chat/completions, '],
      [[1], '[0]', 'must be a route that carries a model, not 1']
    ]
  },
  modelHeader: {
    good: ['x-model', false, "!#$%&'*+-.^_`|~"],
    bad: [
      ['', '', 'must be the name of a header, or false'],
      ['x model', '', 'must be the name of a header, or false, not "x model"'],
      ['x-model:', '', 'must be the name of a header, or false'],
      ['ü', '', 'must be the name of a header, or false'],
      [true, '', 'must be the name of a header, or false, not true']
    ]
  },
  defaultModel: { good: ['a'], bad: [[1, '', 'must be a name, an alias or an adapter of a model, not 1']] },
  fallbackUpstream: { good: ['http://localhost:4000', 'https://api.example.com'], bad: [[true, '', 'must be an origin: http://host:port or https://host:port, without path or credentials, not true']] },
  forwardCredentials: { good: [true, false], bad: [['true', '', `${boolean}, not "true"`]] },
  exposeEngineOutput: { good: [true, false], bad: [['true', '', `${boolean}, not "true"`]] },
  heartbeat: {
    good: [false, 100, 5_000],
    bad: [true, 99, 5_000.5, '5s', null].map((value): Case['bad'][number] => [value, '', 'must be a whole number '])
  },
  replay: { good: [true, false], bad: [[1, '', `${boolean}, not 1`]] },
  gpuMemoryCommand: {
    good: [false, ['nvidia-smi'], ['rocm-smi', '--csv']],
    bad: [
      [true, '', 'must be a list of strings, the program first, or false, not true'],
      ['nvidia-smi', '', 'must be a list of strings, the program first, or false, not "nvidia-smi"'],
      [[], '', 'must be a list of at least one word, the program first'],
      [['nvidia-smi', 1], '[1]', 'must be a non-empty string, not 1']
    ]
  },
  bodyLimit: {
    good: [1, 2 ** 31 - 1],
    bad: [
      [0, '', 'must be a whole number from 1 to 2147483647 (bytes), not 0'],
      ['1mb', '', 'must be a whole number from 1 to 2147483647 (bytes), not "1mb"'],
      [2 ** 31, '', 'must be a whole number from 1 to 2147483647 (bytes), not 2147483648']
    ]
  },
  maxQueue: { good: [0, 5], bad: [[-1, '', 'must be a whole number of at least 0, not -1'], [null, '', 'must be a whole number of at least 0, not null']] },
  hostMemory: { good: [0.5, 1, 64e9], bad: [[0, '', 'must be a number of bytes, or a share above 0 and at most 1, not 0'], ['64G', '', 'must be a number of bytes, or a share above 0 and at most 1, not "64G"']] },
  maxQueueBytes: { good: [0, 5], bad: [[-1, '', 'must be a whole number of at least 0 (bytes), not -1'], [0.5, '', 'must be a whole number of at least 0 (bytes), not 0.5']] }
}

test('every option has its cases here', () => {
  expect(Object.keys(modelCases).sort()).toEqual(Object.keys(modelSchema.properties).sort())
  expect([...Object.keys(topCases), 'models'].sort()).toEqual(Object.keys(optionsSchema.properties).sort())
  expect([...timeoutNames, 'body', 'grace'].sort()).toEqual(Object.keys(timeoutsSchema.properties).sort())
})

describe.each(Object.entries(modelCases))('the model option %s', (option, { good, bad }) => {
  test.each(good.map(value => ({ value })))('may be $value', ({ value }) => {
    expect(modelOf(withModel({ [option]: value }))).toHaveProperty(option)
  })

  test.each(bad)('may not be %j', (value, path, words) => {
    const message = refusal(() => withModel({ [option]: value }))
    expect(message).toContain(`models["a"].${option}${path} ${words}`)
  })
})

describe.each(Object.entries(topCases))('the top-level option %s', (option, { good, bad }) => {
  test.each(good.map(value => ({ value })))('may be $value', ({ value }) => {
    expect(() => withTop({ [option]: value })).not.toThrow()
  })

  test.each(bad)('may not be %j', (value, path, words) => {
    const message = refusal(() => withTop({ [option]: value }))
    expect(message.startsWith(`${option}${path} ${words}`), message).toBe(true)
  })
})

describe('the option models', () => {
  const words = 'models must be an object of models by name, with at least one'

  test.each([
    [{}, `${words}, but is missing`],
    [{ models: undefined }, `${words}, but is missing`],
    [{ models: {} }, words],
    [{ models: [] }, `${words}, not an array`],
    [{ models: ['a'] }, `${words}, not an array`],
    [{ models: 'a' }, `${words}, not "a"`],
    [{ models: { a: null } }, 'models["a"] must be an object: the options of this model, not null'],
    [{ models: { a: 'org/a' } }, 'models["a"] must be an object: the options of this model, not "org/a"'],
    [{ models: { '': {} } }, `models[""] ${name}`],
    [{ models: { 'a\u001bb': {} } }, `models["a\\u001bb"] ${name}`],
    [undefined, 'object must be an object, but is missing'],
    [[], 'object must be an object, not an array']
  ])('is refused as %j', (options, expected) => {
    expect(refusal(() => resolve(options))).toBe(expected)
  })
})

test('a name with slashes, tildes and quotes is shown as one would write it', () => {
  expect(refusal(() => resolve({ models: { 'org/~x~1."y"': { port: 0 } } }))).toMatch(/^models\["org\/~x~1\.\\"y\\""\]\.port must be/)
})

test('a value that may be a secret is not repeated in the message', () => {
  expect(refusal(() => withModel({ command: ['vllm', 'secret\0'] }))).not.toContain('secret')
  expect(refusal(() => withModel({ env: { VLLM_API_KEY: 'secret\0' } }))).not.toContain('secret')
  expect(refusal(() => withModel({ args: '--hf-token secret' }))).not.toContain('secret')
  expect(refusal(() => withModel({ env: 'TOKEN=secret' }))).not.toContain('secret')
  expect(refusal(() => withTop({ fallbackUpstream: 'http://user:secret@host' }))).not.toContain('secret')
})

test('a very long value is not repeated in the message', () => {
  expect(refusal(() => withTop({ policy: 'x'.repeat(1_000) })).length).toBeLessThan(100)
})

test('nothing is coerced, and the options are not changed', () => {
  const options = { models: { a: { gpus: [1], timeouts: {} } }, timeouts: {} }
  const before = structuredClone(options)
  resolve(options)
  expect(options).toEqual(before)
})

// It is not checked at each start.
test('The schema of the options is a schema.', () => {
  const ajv = new Ajv()
  expect(ajv.validateSchema(optionsSchema), ajv.errorsText()).toBe(true)
})
