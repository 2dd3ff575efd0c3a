import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { readJsonModel } from '../../../../lib/gateway/body/json-model.ts'
import { failure, numbers, render } from './helper.ts'

// Many random cases, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 60_000 })

const read = (text: string): string | undefined => readJsonModel(Buffer.from(text))

describe('the model of a JSON body', () => {
  test.each([
    ['{"model":"a"}', 'a'],
    ['{"messages":[{"model":"x"}],"model":"a","n":1}', 'a'],
    [' \r\n\t{ "model" :\t"a" } \n', 'a'],
    ['{"model":"org/näme-中-😀"}', 'org/näme-中-😀'],
    ['{"model":"\\u0061\\"\\\\\\/b"}', 'a"\\/b'],
    ['{"m\\u006fdel":"a"}', 'a'],
    ['{"\\u006D\\u006F\\u0064\\u0065\\u006C":"a"}', 'a'],
    ['{"model":""}', ''],
    ['{"__proto__":{"model":"x"},"model":"a"}', 'a'],
    ['{"model":"__proto__"}', '__proto__']
  ])('%s names %s', (text, model) => {
    expect(read(text)).toBe(model)
  })

  test.each([
    '{}',
    '{ }',
    '{"messages":[]}',
    '{"Model":"a"}',
    '{"model ":"a"}',
    '{"models":"a"}',
    '{"a":{"model":"a"}}',
    '{"a":"\\"model\\":\\"a\\""}',
    '{"__proto__":{"model":"a"}}',
    '{"mod\\\\u0065l":"a"}',
    '{"\\"model":"a"}'
  ])('%s names none', text => {
    expect(read(text)).toBeUndefined()
  })

  test('of several the last one counts, as in JSON.parse and in Python', () => {
    expect(read('{"model":"a","model":"b"}')).toBe('b')
    expect(read('{"model":"a","mod\\u0065l":"b","x":1}')).toBe('b')
    expect(read('{"model":1,"model":"b"}')).toBe('b')
    expect(failure(() => read('{"model":"a","model":1}')).code).toBe('LLMUX_ERR_MODEL_NOT_STRING')
  })

  test.each([
    ['1', 'a number'],
    ['-0.5e3', 'a number'],
    ['true', 'a boolean'],
    ['false', 'a boolean'],
    ['null', 'null'],
    ['{"a":"b"}', 'an object'],
    ['["a"]', 'an array']
  ])('a model that is %s is refused as %s', (value, kind) => {
    expect(failure(() => read(`{"model": ${value}}`))).toEqual({ code: 'LLMUX_ERR_MODEL_NOT_STRING', statusCode: 400, message: `model must be a string, not ${kind}` })
  })
})

describe('a body that is no JSON object is refused', () => {
  test.each([
    ['', 'it is empty'],
    [' ', 'it must be an object'],
    ['[{"model":"a"}]', 'it must be an object'],
    ['"model"', 'it must be an object'],
    ['null', 'it must be an object'],
    ['{', 'it ends too early'],
    ['{"model', 'it ends too early'],
    ['{"model"', 'it ends too early'],
    ['{"model":', 'it ends too early'],
    ['{"model":"a"', 'it ends too early'],
    ['{"model":"a\\', 'it ends too early'],
    ['{"model":"\\u00', 'it ends too early'],
    ['{"model":"a",', 'it ends too early'],
    ['{"model":[', 'it ends too early'],
    ['{"model":-', 'it ends too early'],
    ['{"model":1.', 'it ends too early'],
    ['{"model":tru', 'it ends too early'],
    ['{"model":"a",}', 'unexpected character at byte 13'],
    ['{"model":"a"}x', 'unexpected character at byte 13'],
    ['{"model":"a"}{}', 'unexpected character at byte 13'],
    ['{"model":"a\nb"}', 'unexpected character at byte 11'],
    ['{"model":"a\0"}', 'unexpected character at byte 11'],
    ['{"model":"\\x"}', 'unexpected character at byte 11'],
    ['{"model":"\\u00g0"}', 'unexpected character at byte 14'],
    ['{model:"a"}', 'unexpected character at byte 1'],
    ["{'model':'a'}", 'unexpected character at byte 1'],
    ['{"a":01}', 'unexpected character at byte 6'],
    ['{"a":NaN}', 'unexpected character at byte 5'],
    ['{"a":[1,]}', 'unexpected character at byte 8'],
    ['{"a":[1}}', 'unexpected character at byte 7'],
    ['{"a":{"b":1]}', 'unexpected character at byte 11'],
    ['{"a":trve}', 'unexpected character at byte 7'],
    ['\u00a0{}', 'it must be an object']
  ])('%j', (text, words) => {
    expect(failure(() => read(text))).toEqual({ code: 'LLMUX_ERR_BODY_NOT_JSON', statusCode: 400, message: `the body is not valid JSON: ${words}` })
  })

  test('bytes that are not UTF-8, of which Python\'s reader would say the same', () => {
    const body = Buffer.concat([Buffer.from('{"model":"a'), Buffer.from([0xff]), Buffer.from('"}')])
    expect(failure(() => readJsonModel(body)).message).toBe('the body is not valid JSON: it is not UTF-8')
    expect(failure(() => readJsonModel(Buffer.from('{"model":"a"}', 'utf16le'))).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
  })

  test('a byte order mark is passed over, as Python and Fastify do; one in the middle is not', () => {
    expect(read('\ufeff{"model":"a"}')).toBe('a')
    expect(failure(() => read('{\ufeff"model":"a"}')).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
    expect(failure(() => read('\ufeff\ufeff{}')).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
  })
})

/** What JSON.parse makes of it: the model, or that it is refused. */
function oracle (text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'refused'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'refused'
  const model = Object.hasOwn(value, 'model') ? (value as { model: unknown }).model : undefined
  return model === undefined || typeof model === 'string' ? { model } : 'no string'
}

function ours (body: Buffer): unknown {
  try {
    return { model: readJsonModel(body) }
  } catch (error) {
    return (error as { code: string }).code === 'LLMUX_ERR_MODEL_NOT_STRING' ? 'no string' : 'refused'
  }
}

/** The same bytes at another place in memory: scanning by words must not depend on it. */
function moved (body: Buffer, offset: number): Buffer {
  const place = Buffer.alloc(body.length + offset, '"')
  body.copy(place, offset)
  return place.subarray(offset)
}

/** Long bodies are walked over by words, short ones byte by byte. */
const ends = ['', ' '.repeat(512)]

const object = fc.dictionary(fc.oneof(fc.constantFrom('model', '__proto__', 'messages'), fc.string({ unit: 'binary' })), fc.jsonValue({ stringUnit: 'binary' }), { noNullPrototype: true })

describe('compared with JSON.parse', () => {
  test('every valid object is read alike, at every place in memory', () => {
    fc.assert(fc.property(object, fc.nat(), fc.nat({ max: 7 }), fc.constantFrom(...ends), (value, seed, offset, end) => {
      const text = render(value, numbers(seed)) + end
      expect(ours(moved(Buffer.from(text), offset))).toEqual(oracle(text))
    }), { numRuns: 600 })
  })

  test('what is spoilt in one place is accepted or refused alike', () => {
    const alphabet = fc.constantFrom(...'{}[]":,\\/ \n\t\u0001\u001f\u007ftrufalsen0123456789.eE+-amodel')
    fc.assert(fc.property(object, fc.nat(), fc.nat(), alphabet, fc.nat({ max: 1 }), fc.constantFrom(...ends), (value, seed, place, character, removed, end) => {
      const text = Buffer.from(render({ model: 'a', ...value }, numbers(seed))).toString('latin1')
      const at = place % (text.length + 1)
      const spoilt = Buffer.from(text.slice(0, at) + character + text.slice(at + removed) + end, 'latin1')
      // A cut character is refused as no UTF-8, of which a string cannot tell.
      fc.pre(Buffer.from(spoilt.toString()).equals(spoilt))
      expect(ours(spoilt)).toEqual(oracle(spoilt.toString()))
    }), { numRuns: 1_500 })
  })

  test('every character is taken alike in a string, at every distance from its start', () => {
    for (let code = 0; code < 0x120; code++) {
      for (let distance = 0; distance < 9; distance++) {
        for (const end of ends) {
          const text = `{"model":"${'x'.repeat(distance)}${String.fromCharCode(code)}yyyyyyyy"}${end}`
          expect(ours(Buffer.from(text)), JSON.stringify(text)).toEqual(oracle(text))
        }
      }
    }
  })

  test.each(['0', '-0', '1', '-1', '10', '0.0', '1.5e10', '1E+5', '1e-5', '-', '+1', '.5', '1.', '1.e1', '1e', '1e+', '00', '01', '-01', '0x1', '1_0', '--1', '1-', 'Infinity', 'true', 'True', 'nul', 'nulll', 'undefined', '""', '"', '{}', '{,}', '[]', '[,]', '[[]]', '[}', '{]', '{"a"}', '{"a":}', '{1:1}', '[1 2]', '{"a":1 "b":2}'])('the value %s is taken alike', value => {
    const text = `{"x":${value}}`
    expect(ours(Buffer.from(text))).toEqual(oracle(text))
  })
})

describe('large bodies', () => {
  test('a hundred thousand levels of nesting do no harm', () => {
    const levels = 100_000
    expect(read(`{"a":${'['.repeat(levels)}${']'.repeat(levels)},"model":"a"}`)).toBe('a')
    expect(read(`{"a":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)},"model":"a"}`)).toBe('a')
    expect(failure(() => read(`{"a":${'['.repeat(levels)}`)).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
  })

  test('the model is found before, between and after long strings', () => {
    const long = 'lorem ipsum "dolor"\n'.repeat(50_000)
    expect(readJsonModel(Buffer.from(JSON.stringify({ model: 'a', long })))).toBe('a')
    expect(readJsonModel(Buffer.from(JSON.stringify({ long, model: 'a', more: long })))).toBe('a')
    expect(readJsonModel(Buffer.from(JSON.stringify({ long, model: 'a' })))).toBe('a')
  })
})
