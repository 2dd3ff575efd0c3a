import { expect, test } from 'vitest'
import { readConfigText } from '../../../../lib/cli/config/read.ts'
import { withLevels } from '../../../../lib/cli/config/write-levels.ts'

const levels = new Map([['a', 2], ['b', 1]] as const)

test('YAML keeps its comments, and all that is not a level', () => {
  const text = '# mine\nmodels:\n  a:\n    path: x # the big one\n    sleepLevel: 3 # for now\n  b: {path: y, args: [--x, "1"]}\n'
  expect(withLevels(text, 'f.yaml', levels)).toBe('# mine\nmodels:\n  a:\n    path: x # the big one\n    sleepLevel: 2 # for now\n  b: {path: y, args: [--x, "1"], sleepLevel: 1}\n')
})

test.for(['    ', '\t', '  '])('JSON keeps its indentation (%j)', indentation => {
  const content = { maxQueue: 5, models: { a: { path: 'x' }, b: { sleepLevel: 3, port: 4 } } }
  const text = `${JSON.stringify(content, undefined, indentation)}\n`
  const wanted = { maxQueue: 5, models: { a: { path: 'x', sleepLevel: 2 }, b: { sleepLevel: 1, port: 4 } } }
  expect(withLevels(text, 'f.json', levels)).toBe(`${JSON.stringify(wanted, undefined, indentation)}\n`)
})

test('JSON on one line stays on one line', () => {
  expect(withLevels('{"models":{"a":{},"b":{}}}', 'f.json', levels)).toBe('{"models":{"a":{"sleepLevel":2},"b":{"sleepLevel":1}}}')
})

test('llmux\'s files are written in llmux\'s words, and read back as they were meant', () => {
  const old = '{"models":{"a":{"model_path":"x","port":1},"b":{"model_path":"y","port":2,"sleep_level":3}}}'
  expect(JSON.parse(withLevels(old, 'f.json', levels))).toMatchObject({ models: { a: { sleep_level: 2 }, b: { sleep_level: 1 } } })
  const newer = '{"admin_port":1,"models":{"a":{"model_path":"x","port":1},"b":{"model_path":"y","port":2,"eviction":{"process":"stop"}}}}'
  for (const text of [old, newer]) {
    for (const level of [1, 2, 3] as const) {
      const { options, notes } = readConfigText(withLevels(text, 'f.json', new Map([['a', level]])), 'f.json')
      expect(options.models['a']?.sleepLevel).toBe(level)
      expect(notes.filter(({ field }) => field.startsWith('models["a"]'))).toEqual([])
    }
  }
})

test('a model that is an alias of another has no place to write to', () => {
  const text = 'models:\n  a: &a {path: x}\n  b: *a\n'
  expect(() => withLevels(text, 'f.yaml', levels)).toThrow('f.yaml: models.b is an alias')
})
