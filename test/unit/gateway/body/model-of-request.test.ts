import { describe, expect, test } from 'vitest'
import { chosenModel, type ModelSources } from '../../../../lib/gateway/body/model-of-request.ts'
import { failure } from './helper.ts'

const json = (body: string, more: Partial<ModelSources> = {}): ModelSources => ({ kind: 'json', body: Buffer.from(body), ...more })

const form = (model: string | undefined, more: Partial<ModelSources> = {}): ModelSources => ({
  kind: 'multipart',
  contentType: 'multipart/form-data; boundary=XX',
  body: Buffer.from(`${model === undefined ? '' : `--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n`}--XX--\r\n`),
  ...more
})

const bodyOf = (sources: ModelSources): string => chosenModel(sources).body.toString()

describe('who names the model', () => {
  test.each([
    ['the body', json('{"model":"body"}'), 'body', 'body'],
    ['the body, although there is a default', json('{"model":"body"}', { defaultModel: 'default' }), 'body', 'body'],
    ['the header, although the body has one', json('{"model":"body"}', { header: 'header' }), 'header', 'header'],
    ['the header, where the body has none', json('{}', { header: 'header', defaultModel: 'default' }), 'header', 'header'],
    ['the header, although the body\'s is no string', json('{"model":1}', { header: 'header' }), 'header', 'header'],
    ['the default, where nothing else does', json('{}', { defaultModel: 'default' }), undefined, 'default'],
    ['the default, where the body\'s is empty', json('{"model":""}', { defaultModel: 'default' }), undefined, 'default'],
    ['a form\'s field', form('body'), 'body', 'body'],
    ['the header, although the form has one', form('body', { header: 'header' }), 'header', 'header'],
    ['the default, where the form has none', form(undefined, { defaultModel: 'default' }), undefined, 'default'],
    ['the default, where the form\'s is empty', form('', { defaultModel: 'default' }), undefined, 'default']
  ])('%s', (_, sources, asked, name) => {
    expect(chosenModel(sources)).toMatchObject({ asked, name })
  })

  test.each([
    ['no header', undefined],
    ['an empty header', ''],
    ['a header of spaces', ' \t'],
    ['no header in a list', []],
    ['an empty header in a list', ['']]
  ])('%s names none', (_, header) => {
    expect(chosenModel(json('{"model":"body"}', { header })).name).toBe('body')
  })

  test('white space around a header\'s value is no part of the name', () => {
    expect(chosenModel(json('{}', { header: ' org/a ' })).name).toBe('org/a')
  })

  test('a header with letters beyond ASCII is read as UTF-8, of which Node gives the bytes', () => {
    const onTheWire = Buffer.from('näme-中').toString('latin1')
    expect(chosenModel(json('{}', { header: onTheWire })).name).toBe('näme-中')
  })

  test('a header that is no UTF-8, or was never bytes, is taken as it is', () => {
    expect(chosenModel(json('{}', { header: 'n\u00e4me' })).name).toBe('näme')
    expect(chosenModel(json('{}', { header: '中' })).name).toBe('中')
  })

  test('several headers are no guess, but one name that does not exist', () => {
    expect(chosenModel(json('{}', { header: ['a', 'b'] })).name).toBe('a, b')
    expect(chosenModel(json('{}', { header: ['a'] })).name).toBe('a')
  })
})

describe('what goes to the engine', () => {
  test.each([
    ['the body names the model', json('{"model":"a" }')],
    ['the header names the same', json('{"mod\\u0065l":"\\u0061" }', { header: 'a' })],
    ['the default is the same', json('{"model":"a"}', { defaultModel: 'a' })],
    ['the form names the model', form('a')],
    ['the header names the form\'s', form('a', { header: 'a' })]
  ])('the client\'s own bytes, uncopied, where %s', (_, sources) => {
    expect(chosenModel(sources).body).toBe(sources.body)
  })

  test.each([
    ['the header\'s in place of the body\'s', json('{"n":9007199254740993,"model":"a"}', { header: 'b' }), '{"n":9007199254740993,"model":"b"}'],
    ['the header\'s in place of what is no string', json('{"model":null}', { header: 'b' }), '{"model":"b"}'],
    ['the header\'s where the body has none', json('{"n":1}', { header: 'b' }), '{"model":"b","n":1}'],
    ['the default', json('{}', { defaultModel: 'b' }), '{"model":"b"}'],
    ['the default in place of an empty one', json('{"model":""}', { defaultModel: 'b' }), '{"model":"b"}'],
    ['the header\'s in a form', form('a', { header: 'b' }), String(form('b').body)],
    ['the default in a form', form(undefined, { defaultModel: 'b' }), String(form('b').body)]
  ])('%s', (_, sources, expected) => {
    expect(bodyOf(sources)).toBe(expected)
  })

  test('is made once', () => {
    const choice = chosenModel(json('{"model":"a"}', { header: 'b' }))
    expect(choice.body).toBe(choice.body)
  })
})

describe('a request is refused', () => {
  test.each([
    ['if nothing names a model', json('{}'), 'LLMUX_ERR_MODEL_MISSING'],
    ['if only an empty string does', json('{"model":""}'), 'LLMUX_ERR_MODEL_MISSING'],
    ['if the form names none', form(undefined), 'LLMUX_ERR_MODEL_MISSING'],
    ['if the model is no string', json('{"model":["a"]}', { defaultModel: 'a' }), 'LLMUX_ERR_MODEL_NOT_STRING'],
    ['if the body is no JSON', json('{', { defaultModel: 'a' }), 'LLMUX_ERR_BODY_NOT_JSON'],
    ['if there is no body', json('', { body: undefined, defaultModel: 'a' }), 'LLMUX_ERR_BODY_NOT_JSON'],
    ['if there is no form', form('', { body: undefined }), 'LLMUX_ERR_BODY_NOT_MULTIPART'],
    ['if the form is none', form('a', { contentType: 'application/json' }), 'LLMUX_ERR_BODY_NOT_MULTIPART'],
    ['if the form has no content type', form('a', { contentType: undefined }), 'LLMUX_ERR_BODY_NOT_MULTIPART']
  ])('%s', (_, sources, code) => {
    expect(failure(() => chosenModel(sources))).toMatchObject({ code, statusCode: 400 })
  })

  test('also if the header names a model, as soon as the body is needed', () => {
    const choice = chosenModel(json('{', { header: 'a' }))
    expect(choice.name).toBe('a')
    expect(failure(() => choice.body).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
    expect(failure(() => chosenModel(form('a', { header: 'a', contentType: 'text/plain' })).body).code).toBe('LLMUX_ERR_BODY_NOT_MULTIPART')
  })

  test('with a header the name is known before the body is there', () => {
    const choice = chosenModel(json('', { header: 'a', body: undefined }))
    expect(choice.name).toBe('a')
    expect(failure(() => choice.body).code).toBe('LLMUX_ERR_BODY_NOT_JSON')
  })
})

describe('whether an event stream is asked for', () => {
  test.each([
    ['{"model":"a","stream":true}', true],
    ['{ "stream" : true , "model":"a" }', true],
    ['{"model":"a","\\u0073tream":true}', true],
    ['{"model":"a","stream":false,"stream":true}', true],
    ['{"model":"a","stream":true,"stream":false}', false],
    ['{"model":"a","stream":null}', false],
    ['{"model":"a","stream":"true"}', false],
    ['{"model":"a","stream":1}', false],
    ['{"model":"a","stream":[true]}', false],
    ['{"model":"a","Stream":true}', false],
    ['{"model":"a","stream_options":true,"streams":true}', false],
    ['{"model":"a","metadata":{"stream":true}}', false],
    ['{"model":"a","text":"\\"stream\\":true"}', false],
    ['{"model":"a"}', false]
  ])('%s: %s', (body, streams) => {
    expect(chosenModel(json(body)).streams).toBe(streams)
    expect(chosenModel(json(body, { header: 'b' })).streams, 'with a header too').toBe(streams)
  })

  test('a form asks for none, and neither does an empty object', () => {
    expect(chosenModel(form('a')).streams).toBe(false)
    expect(chosenModel(json('{}', { defaultModel: 'a' })).streams).toBe(false)
  })
})
