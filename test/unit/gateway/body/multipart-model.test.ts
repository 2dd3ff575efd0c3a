import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { readMultipartModel, replaceMultipartModel } from '../../../../lib/gateway/body/multipart-model.ts'
import { failure } from './helper.ts'

// Many random cases, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 60_000 })

const contentType = 'multipart/form-data; boundary=XX'

/** A body of parts, each with its headers and its content, with line ends as on the wire. */
const bodyOf = (...parts: Array<[headers: string, content: string]>): string =>
  [...parts.map(([headers, content]) => `--XX\r\n${headers}\r\n\r\n${content}\r\n`), '--XX--\r\n'].join('')

const field = (name: string, content: string): [string, string] => [`Content-Disposition: form-data; name="${name}"`, content]
const file: [string, string] = ['Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav', 'RIFF\r\n\r\n--X\r\n--XY\0']

const read = (text: string, type = contentType): string | undefined => readMultipartModel(Buffer.from(text), type)
const replace = (text: string, name: string, type = contentType): string => replaceMultipartModel(Buffer.from(text), type, name).toString()

/** As clients build it: undici's writer, and its reader to check. */
async function encode (entries: Array<[string, string | Blob]>): Promise<{ body: Buffer, contentType: string }> {
  const form = new FormData()
  for (const [name, value] of entries) form.append(name, value as string)
  const response = new Response(form)
  return { body: Buffer.from(await response.arrayBuffer()), contentType: response.headers.get('content-type') as string }
}

const decode = (body: Buffer, contentType: string): Promise<FormData> =>
  new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()

/** Every field and file in its order, without the one that names the model. */
async function allButModel (form: FormData): Promise<unknown[]> {
  const entries = [...form]
  const model = entries.findLastIndex(([name, value]) => name === 'model' && typeof value === 'string')
  return await Promise.all(entries.filter((_, index) => index !== model).map(async ([name, value]) => [name, typeof value === 'string' ? value : await value.arrayBuffer()]))
}

describe('the model of a multipart body', () => {
  test.each([
    [bodyOf(field('model', 'whisper')), 'whisper'],
    [bodyOf(file, field('model', 'org/whisper'), field('language', 'de')), 'org/whisper'],
    [bodyOf(field('model', 'a'), field('model', 'b')), 'b'],
    [bodyOf(field('model', 'näme-中-😀')), 'näme-中-😀'],
    [bodyOf(field('model', '')), ''],
    [bodyOf(field('model', ' a\r\nb ')), ' a\r\nb '],
    [bodyOf(['content-disposition:form-data;name=model', 'a']), 'a'],
    [bodyOf(['CONTENT-DISPOSITION: Form-Data ; x="filename=1" ; NAME = "mod\\el"', 'a']), 'a'],
    [bodyOf(['Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"\r\nX: y', 'a']), 'a'],
    [`\r\n${bodyOf(field('model', 'a'))}`, 'a'],
    [bodyOf(field('model', 'a')).replace('--XX\r\n', '--XX \t\r\n'), 'a'],
    [`${bodyOf(field('model', 'a'))}an epilogue\r\n--XX\r\n`, 'a'],
    [bodyOf(field('model', 'a')).slice(0, -2), 'a']
  ])('%j names %j', (text, model) => {
    expect(read(text)).toBe(model)
  })

  test.each([
    '--XX--\r\n',
    bodyOf(file),
    bodyOf(field('Model', 'a')),
    bodyOf(field('xmodel', 'a')),
    bodyOf(['Content-Disposition: form-data; name="x"; y="name=model"', 'a']),
    bodyOf(['Content-Disposition: form-data; name="model"; filename="a.txt"', 'a']),
    bodyOf(['Content-Disposition: form-data; name="model"; filename*=UTF-8\'\'a.txt', 'a']),
    bodyOf(field('x', 'Content-Disposition: form-data; name="model"\r\n\r\na'))
  ])('%j names none', text => {
    expect(read(text)).toBeUndefined()
  })

  test.each(['multipart/form-data; boundary="XX"', 'Multipart/Form-Data;charset=utf-8;Boundary=XX', 'multipart/form-data; boundary="X\\X"', ' multipart/form-data ; boundary = XX ; a="b;c"'])('the boundary is found in %s', type => {
    expect(read(bodyOf(field('model', 'a')), type)).toBe('a')
  })

  test('a boundary may have characters that mean something elsewhere', () => {
    const boundary = "'()+_,-./:=? .*[$^"
    expect(read(bodyOf(field('model', 'a')).replaceAll('XX', boundary.replaceAll('$', '$$$$')), `multipart/form-data; boundary="${boundary}"`)).toBe('a')
  })
})

describe('a body that is no multipart form is refused', () => {
  test.each([
    ['', 'it does not start with its boundary'],
    ['{"model":"a"}', 'it does not start with its boundary'],
    ['--XY\r\n', 'it does not start with its boundary'],
    ['--XXY\r\n', 'it does not start with its boundary'],
    ['--XX', 'it does not start with its boundary'],
    ['a preamble\r\n--XX--\r\n', 'it does not start with its boundary'],
    ['--XX\r\nContent-Disposition: form-data; name="model"\r\n', 'the headers of a part are too long or have no end'],
    [`--XX\r\nX: ${'x'.repeat(20_000)}\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--XX--`, 'the headers of a part are too long or have no end'],
    ['--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\na', 'it has no closing boundary'],
    ['--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--X', 'it has no closing boundary'],
    ['--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--XX', 'it has no closing boundary'],
    ['--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\na--XX--', 'it has no closing boundary'],
    ['--XX\r\n\r\na\r\n--XX--', 'a part has no content disposition'],
    [bodyOf(['Content-Type: text/plain', 'a']), 'a part has no content disposition'],
    [bodyOf(['Content-Disposition: attachment; name="model"', 'a']), 'a part has no content disposition'],
    [bodyOf(...Array.from({ length: 1_001 }, (): [string, string] => field('x', ''))), 'it has more than 1000 parts']
  ])('%.60j', (text, words) => {
    expect(failure(() => read(text))).toEqual({ code: 'LLMUX_ERR_BODY_NOT_MULTIPART', statusCode: 400, message: `the body is not valid multipart/form-data: ${words}` })
  })

  test('as many parts as allowed are accepted', () => {
    expect(read(bodyOf(...Array.from({ length: 999 }, (): [string, string] => field('x', '')), field('model', 'a')))).toBe('a')
  })

  test.each([
    ['', 'the content type is another'],
    ['application/json', 'the content type is another'],
    ['multipart/form-data-x; boundary=XX', 'the content type is another'],
    ['multipart/form-data', 'the content type has no valid boundary'],
    ['multipart/form-data; boundary=', 'the content type has no valid boundary'],
    ['multipart/form-data; boundary=""', 'the content type has no valid boundary'],
    [`multipart/form-data; boundary=${'X'.repeat(71)}`, 'the content type has no valid boundary']
  ])('content type %j', (type, words) => {
    expect(failure(() => read(bodyOf(field('model', 'a')), type)).message).toContain(words)
  })

  test('a model that is not UTF-8', () => {
    const body = Buffer.from(bodyOf(field('model', 'ÿ')), 'latin1')
    expect(failure(() => readMultipartModel(body, contentType)).message).toContain('model is not UTF-8')
  })
})

describe('only the content of model is replaced', () => {
  test('whatever the text around it', () => {
    expect(replace(bodyOf(file, field('model', 'a'), field('x', 'y')), 'B/ä')).toBe(bodyOf(file, field('model', 'B/ä'), field('x', 'y')))
    expect(replace(bodyOf(field('model', 'a'), field('model', 'b')), 'B')).toBe(bodyOf(field('model', 'a'), field('model', 'B')))
    expect(replace(bodyOf(field('model', '')), 'B')).toBe(bodyOf(field('model', 'B')))
    expect(replace(`\r\n${bodyOf(field('model', 'a'))}epilogue`, 'B')).toBe(`\r\n${bodyOf(field('model', 'B'))}epilogue`)
  })

  test('a form without one gets it as its first part', () => {
    expect(replace(bodyOf(file), 'B')).toBe(bodyOf(field('model', 'B'), file))
    expect(replace('--XX--\r\n', 'B')).toBe(bodyOf(field('model', 'B')))
    expect(replace(`\r\n${bodyOf(file)}`, 'B', 'multipart/form-data; boundary="XX"')).toBe(`\r\n${bodyOf(field('model', 'B'), file)}`)
  })
})

describe('forms as clients build them', () => {
  const fieldName = fc.oneof(fc.constantFrom('model', 'file', 'language'), fc.string({ unit: 'grapheme', minLength: 1 }))
  const content = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array().map(bytes => new Blob([new Uint8Array(bytes)])),
    fc.constantFrom('\r\n', '--', '\r\n--', 'Content-Disposition: form-data; name="model"\r\n\r\nx')
  )
  const entries = fc.array(fc.tuple(fieldName, content))
  const name = fc.string({ unit: 'grapheme-ascii', minLength: 1 })

  test('are read as another parser reads them', () => fc.assert(fc.asyncProperty(entries, async entries => {
    const { body, contentType } = await encode(entries)
    const fields = entries.filter(([name, value]) => name === 'model' && typeof value === 'string')
    // A form's line ends are written as CRLF.
    const expected = (fields.at(-1)?.[1] as string | undefined)?.replace(/\r\n|\r|\n/g, '\r\n')
    expect(readMultipartModel(body, contentType)).toBe(expected)
  })))

  test('have the new model and all the rest as before', () => fc.assert(fc.asyncProperty(entries, name, async (entries, name) => {
    const { body, contentType } = await encode(entries)
    const before = await decode(body, contentType)
    const after = await decode(replaceMultipartModel(body, contentType, name), contentType)
    expect(after.getAll('model').filter(value => typeof value === 'string').at(-1)).toBe(name)
    expect(await allButModel(after)).toEqual(await allButModel(before))
  })))
})
