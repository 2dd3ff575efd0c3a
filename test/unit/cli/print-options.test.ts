import { expect, test } from 'vitest'
import { readConfigText } from '../../../lib/cli/config/read.ts'
import { optionsText } from '../../../lib/cli/print-options.ts'
import { keysFrom } from '../../../lib/cli/gate.ts'

test('what is printed is JavaScript that says the same', () => {
  const config = readConfigText(JSON.stringify({
    models: { 'qwen-14b': { model_path: "it's", port: 1, extra_args: Array(150).fill('--a\n`b`'), dtype: 'x' }, b: { model_path: 'b', port: 2 } }, port: 4000
  }), 'llmux.json')
  const text = optionsText(config, 'llmux.json')
  const [, literal] = /app\.register\(llmux, ([^]*)\)\nawait app\.listen\(\{ port: 4000, host: '127\.0\.0\.1' \}\)\n$/.exec(text)!
  // eslint-disable-next-line no-new-func
  expect(new Function(`return (${literal})`)()).toEqual(config.options)
})

test('above it is what does not count, each on a line that is a comment', () => {
  const config = readConfigText(JSON.stringify({ models: { a: { model_path: 'x', port: 1, sleep_level: 1, dtype: 'y' } }, metrics_port: 1 }), 'llmux.json')
  const comments = optionsText(config, 'llmux.json').split('\n').filter(line => line.startsWith('// '))
  expect(comments[0]).toBe('// llmux.json, written for llmux 0.3, as options of fastify-llmux.')
  expect(comments.slice(1).map(line => line.split(' ')[1])).toEqual(['models["a"].dtype', 'metrics_port'])
})

test('keys of the environment win over those of the file', () => {
  expect(keysFrom(undefined, ['a'])).toEqual(['a'])
  expect(keysFrom(' , ', ['a'])).toEqual(['a'])
  expect(keysFrom('b, c', ['a'])).toEqual(['b', 'c'])
})
