import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { replaceJsonModel } from '../../../../lib/gateway/body/json-model.ts'
import { failure, numbers, renderMembers } from './helper.ts'

// Many random cases, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 60_000 })

const replace = (text: string, name: string): string => replaceJsonModel(Buffer.from(text), name).toString()

describe('only the value of model is replaced', () => {
  test.each([
    ['{"model":"a","seed":9007199254740993}', '{"model":"B","seed":9007199254740993}'],
    ['{ "n" : 1.0,\n\t"model" :  "a"  , "n":2e0 }\n', '{ "n" : 1.0,\n\t"model" :  "B"  , "n":2e0 }\n'],
    ['{"text":"\\u00e4\\/\\n","model":"\\u0061"}', '{"text":"\\u00e4\\/\\n","model":"B"}'],
    ['{"mod\\u0065l":"a"}', '{"mod\\u0065l":"B"}'],
    ['{"model":"a","model":"b","x":1}', '{"model":"a","model":"B","x":1}'],
    ['{"x":{"model":"a"},"model":"b"}', '{"x":{"model":"a"},"model":"B"}'],
    ['{"model":123,"x":1}', '{"model":"B","x":1}'],
    ['{"model":null}', '{"model":"B"}'],
    ['{"model":{"a":[1,"model"]},"x":1}', '{"model":"B","x":1}'],
    ['\ufeff{"model":"a"}', '\ufeff{"model":"B"}']
  ])('%s becomes %s', (before, after) => {
    expect(replace(before, 'B')).toBe(after)
  })
})

describe('a body without a model gets one', () => {
  test.each([
    ['{}', '{"model":"B"}'],
    ['{ \n}', '{"model":"B" \n}'],
    ['{"x":1}', '{"model":"B","x":1}'],
    [' {\n  "x": 1 }', ' {"model":"B",\n  "x": 1 }'],
    ['{"x":{"model":"a"}}', '{"model":"B","x":{"model":"a"}}']
  ])('%s becomes %s', (before, after) => {
    expect(replace(before, 'B')).toBe(after)
  })
})

test('writes a name as JSON, whatever its characters', () => {
  for (const name of ['a"b\\c', 'ä/中/😀', '\u2028', '__proto__', '$&$1', '']) {
    expect(JSON.parse(replace('{"model":"a","x":1}', name))).toEqual({ model: name, x: 1 })
    expect(JSON.parse(replace('{"x":1}', name))).toEqual({ model: name, x: 1 })
  }
})

test('the body itself is not changed', () => {
  const body = Buffer.from('{"model":"a"}')
  replaceJsonModel(body, 'b')
  expect(body.toString()).toBe('{"model":"a"}')
})

test('what is no JSON object is refused', () => {
  expect(failure(() => replace('[]', 'b')).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
  expect(failure(() => replace('{"model":"a"', 'b')).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
})

const value = fc.jsonValue({ stringUnit: 'binary' })
const otherKey = fc.string({ unit: 'binary' }).filter(key => key !== 'model')
const name = fc.string({ unit: 'binary', minLength: 1 })
const member = (key: fc.Arbitrary<string>): fc.Arbitrary<[string, unknown]> => fc.tuple(key, value)
const anyMember = member(fc.oneof(otherKey, fc.constant('model')))

describe('for any JSON object, however it is written', () => {
  test('the last model is replaced, and every byte around it stays', () => {
    fc.assert(fc.property(fc.array(anyMember), value, fc.array(member(otherKey)), name, fc.nat(), (before, model, after, name, seed) => {
      const members: Array<[string, unknown]> = [...before, ['model', model], ...after]
      const [head, middle, tail] = renderMembers(members, numbers(seed), before.length)
      const replaced = replace(head + middle + tail, name)
      expect(replaced).toBe(head + JSON.stringify(name) + tail)
      expect(JSON.parse(replaced).model).toBe(name)
    }), { numRuns: 300 })
  })

  test('a model is put in where there is none, and every byte after it stays', () => {
    fc.assert(fc.property(fc.array(member(otherKey)), name, fc.nat(), (members, name, seed) => {
      const text = renderMembers(members, numbers(seed)).join('')
      const brace = text.indexOf('{') + 1
      const replaced = replace(text, name)
      expect(replaced).toBe(`${text.slice(0, brace)}"model":${JSON.stringify(name)}${members.length > 0 ? ',' : ''}${text.slice(brace)}`)
      expect(JSON.parse(replaced).model).toBe(name)
    }), { numRuns: 200 })
  })
})
