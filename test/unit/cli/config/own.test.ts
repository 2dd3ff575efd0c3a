import { expect, test } from 'vitest'
import { readConfigText } from '../../../../lib/cli/config/read.ts'

const yaml = `
# ours
server: { port: 4000, host: 0.0.0.0, keys: [sk-1, sk-2], logLevel: warn }
command: [node, mock.js]
base: &base
`.replace('base: &base\n', '') + `
timeouts: { start: 900_000 }
models:
  qwen: &qwen
    path: Qwen/Qwen3-14B
    sleepLevel: 2
  other:
    <<: *qwen
    path: other
`

test('options of the plugin in YAML, with server beside them', () => {
  const { shape, options, gateway, notes } = readConfigText(yaml.replace('900_000', '900000'), 'ours.yaml')
  expect(shape).toBe('fastify-llmux')
  expect(options).toEqual({
    command: ['node', 'mock.js'],
    timeouts: { start: 900_000 },
    models: { qwen: { path: 'Qwen/Qwen3-14B', sleepLevel: 2 }, other: { path: 'other', sleepLevel: 2 } }
  })
  expect(gateway).toEqual({ port: 4000, host: '0.0.0.0', keys: ['sk-1', 'sk-2'], cors: [], logLevel: 'warn' })
  expect(notes).toEqual([])
})

test('the same in JSON, and without server', () => {
  const { options, gateway } = readConfigText('{"models":{"a":{}},"maxQueue":3}', 'ours.json')
  expect(options).toEqual({ models: { a: {} }, maxQueue: 3 })
  expect(gateway).toEqual({ port: 3000, host: '127.0.0.1', keys: [], cors: [], logLevel: 'info' })
})

test('keys for operators, and the origins whose pages may call', () => {
  const server = { adminKey: 'sk-ops', metricsKey: 'sk-scrape', cors: ['https://chat.example'] }
  expect(readConfigText(JSON.stringify({ models: { a: {} }, server }), 'ours.json').gateway).toMatchObject(server)
  expect(readConfigText(JSON.stringify({ models: { a: {} }, server: { cors: true } }), 'ours.json').gateway.cors).toBe(true)
})

test.for([
  ['{"models":{}}', 'ours.json: models must be an object of models by name, with at least one'],
  ['{"models":{"a":{"slepLevel":1}}}', 'ours.json: models["a"].slepLevel is unknown: did you mean sleepLevel?'],
  ['{"models":{"a":{}},"server":{"key":["x"]}}', 'ours.json: server.key is unknown: did you mean keys?'],
  ['{"models":{"a":{}},"server":{"keys":"x"}}', 'ours.json: server.keys must be a list of strings'],
  ['{"models":{"a":{}},"server":{"cors":"*"}}', 'ours.json: server.cors must be a list of strings'],
  ['{"models":{"a":{}},"server":[]}', 'ours.json: server must be an object'],
  ['[]', 'ours.json: object must be an object'],
  ['{"models":', 'ours.json: is not JSON: Unexpected end of JSON input']
] as const)('%s is refused in one line', ([text, message]) => {
  expect(() => readConfigText(text, 'ours.json')).toThrow(expect.objectContaining({ message: expect.stringContaining(message), code: 'LLMUX_ERR_CONFIG' }))
})

test('YAML that is none says where', () => {
  expect(() => readConfigText('models:\n  a: {', 'ours.yml')).toThrow(/^ours\.yml: is not YAML: .* at line 2/)
})
