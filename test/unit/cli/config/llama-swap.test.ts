import { describe, expect, it, test } from 'vitest'
import { splitCommand } from '../../../../lib/cli/config/llama-swap-macros.ts'
import { readConfigText } from '../../../../lib/cli/config/read.ts'
import { withLevels } from '../../../../lib/cli/config/write-levels.ts'

/* eslint-disable no-template-curly-in-string -- its macros */
const read = (text: string) => readConfigText(text, 'swap.yaml')
const modelOf = (text: string, name = 'm') => read(text).options.models[name]
const notesOf = (text: string) => Object.fromEntries(read(text).notes.map(({ field, text }) => [field, text]))

test.each([
  ['a  b\n c', ['a', 'b', 'c']],
  ['a \\\n  b', ['a', 'b']],
  ['# first\na\n   # second\n  b#c', ['a', 'b#c']],
  ['a \'b c\' "d \\"e\\" f" g\\ h --x=\'1 2\'', ['a', 'b c', 'd "e" f', 'g h', '--x=1 2']],
  ['a \'\' ""', ['a', '', '']],
  ['a --json \'{"k": "v"}\'', ['a', '--json', '{"k": "v"}']]
])('a command is split as a shell does: %s', (text, words) => expect(splitCommand(text)).toEqual(words))

test('a file with every field that means something here', () => {
  const { shape, options, gateway } = read(`
healthCheckTimeout: 500
logLevel: debug
startPort: 10001
globalTTL: 30
macros:
  ctx: 4096
  server: >
    /opt/llama-server --port \${PORT}
  common: "--ctx-size \${ctx}"
apiKeys: [sk-one, sk-two]
models:
  big:
    macros: { ctx: 16384 }
    cmd: |
      # the large one
      \${server} \${common}
      --model '/models/big one.gguf' --alias \${MODEL_ID}
    env: ["CUDA_VISIBLE_DEVICES=0,1", "A=b=c"]
    ttl: 60
    aliases: [gpt, { id: gpt-mini, unlisted: true }]
    concurrencyLimit: 4
  small:
    cmd: \${server} -m s.gguf \${common}
    ttl: -1
    checkEndpoint: /ready
  fixed:
    cmd: run --port 8999
    proxy: http://127.0.0.1:8999
    ttl: 0
hooks: { on_startup: { preload: [small] } }
`)
  expect(shape).toBe('llama-swap')
  expect(options).toEqual({
    timeouts: { start: 500_000 },
    models: {
      big: { engine: 'openai', command: ['/opt/llama-server', '--port', '10001', '--ctx-size', '16384', '--model', '/models/big one.gguf', '--alias', 'big'], port: 10001, readyPath: '/health', aliases: ['gpt', 'gpt-mini'], env: { A: 'b=c' }, gpus: [0, 1], idleTimeout: 60_000, maxConcurrency: 4 },
      small: { engine: 'openai', command: ['/opt/llama-server', '--port', '10002', '-m', 's.gguf', '--ctx-size', '4096'], port: 10002, readyPath: '/ready', idleTimeout: 30_000, preload: true },
      fixed: { engine: 'openai', command: ['run', '--port', '8999'], port: 8999, readyPath: '/health' }
    }
  })
  expect(gateway).toMatchObject({ port: 8080, host: '127.0.0.1', keys: ['sk-one', 'sk-two'], logLevel: 'debug' })
})

test('what has no meaning here is told, each by its field', () => {
  const notes = notesOf(`
routing: { scheduler: { use: fifo } }
sendLoadingState: true
surprise: 1
models:
  m: { cmd: "x \${PORT}", useModelName: y, filters: { stripParams: top_k }, unlisted: true, name: M, description: d, metadata: {}, timeouts: {}, checkEndpoint: none, other: 1 }
`)
  expect(Object.keys(notes).sort()).toEqual(['checkEndpoint', 'description', 'filters', 'metadata', 'name', 'other', 'timeouts', 'unlisted', 'useModelName'].map(name => `models["m"].${name}`).concat('routing.scheduler', 'sendLoadingState', 'surprise').sort())
})

describe('groups', () => {
  const file = (group: string, ttl = 0) => `models: { a: { cmd: "x \${PORT}", ttl: ${ttl} }, b: { cmd: "x \${PORT}" } }\ngroups: { g: { ${group}, members: [a, b] } }`

  it('that swap are what sharing a GPU is', () => {
    expect(read(file('swap: true')).notes).toEqual([])
    expect(modelOf(file('swap: true'), 'a')).not.toHaveProperty('gpuShare')
  })

  it('that do not swap share it out', () => {
    expect([modelOf(file('swap: false'), 'a')?.gpuShare, modelOf(file('swap: false'), 'b')?.gpuShare]).toEqual([0.5, 0.5])
  })

  it('that are persistent come back, as far as they fit together, and have no time to live', () => {
    const text = file('persistent: true, swap: false', 60)
    expect(modelOf(text, 'a')).toMatchObject({ keepAwake: true, gpuShare: 0.5 })
    expect(modelOf(text, 'a')).not.toHaveProperty('idleTimeout')
    expect(notesOf(text)).toMatchObject({ 'models["a"].ttl': expect.stringContaining('persistent') })
    expect([modelOf(file('persistent: true'), 'a')?.keepAwake, modelOf(file('persistent: true'), 'b')?.keepAwake]).toEqual([true, undefined])
  })

  it('that are not exclusive are told how to be', () => {
    expect(notesOf(file('exclusive: false'))['groups["g"]'] ?? notesOf(file('exclusive: false'))['groups.g']).toContain('gpuShare')
  })
})

test.each([
  ['models: { m: { cmd: "x ${nope}" } }', /models\["m"\]\.cmd has the macro \$\{nope\}, which is not defined/],
  ['macros: { a: "${b}", b: "${a}" }\nmodels: { m: { cmd: "x ${a}" } }', /contain each other/],
  ['models: { m: { cmd: "x ${env.LLMUX_TEST_NOT_SET}" } }', /environment variable LLMUX_TEST_NOT_SET/],
  ['startPort: 1\nmodels: { m: {} }', /models\["m"\]\.cmd must be a string/],
  ['models: { m: { cmd: x, proxy: "http://elsewhere:1" } }', /models\["m"\]\.proxy must be http:\/\/127\.0\.0\.1:PORT/],
  ['models: { m: { cmd: "x ${PORT}", env: [nothing] } }', /models\["m"\]\.env must have the form NAME=value/]
])('what cannot be read is refused: %s', (text, message) => expect(() => read(text)).toThrow(message))

test('it has no levels to write', () => {
  expect(() => withLevels('models: { m: { cmd: x } }', 'swap.yaml', new Map([['m', 1]]))).toThrow(/no levels/)
})

test('a file of llmux 2 is recognised, and told what to do', () => {
  expect(() => read('models: { m: { port: 8001, wake: ./wake.sh, sleep: ./sleep.sh, alive: ./alive.sh } }')).toThrow(/llmux 2.*docs\/engines\.md/)
})
