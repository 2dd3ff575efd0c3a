import { expect, test } from 'vitest'
import { Directory } from '../../lib/directory.ts'
import { resolve } from './options/helper.ts'

const before = resolve({ models: { a: { aliases: ['short'], adapters: ['lora'] }, b: {} } })

test('a model goes by each of its names', () => {
  const directory = new Directory(before)
  expect(['a', 'short', 'lora', 'b'].map(name => directory.id(name))).toEqual(['a', 'a', 'a', 'b'])
  expect(directory.find('a')).toBe(before.models[0])
  expect(directory.find('short'), 'found by its id only').toBeUndefined()
})

test.for(['nobody', '', '__proto__', 'A'])('nobody goes by %o', name => {
  expect(() => new Directory(before).id(name)).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_MODEL_NOT_FOUND', statusCode: 404 }))
})

test('from one moment to the next names mean other models', () => {
  const directory = new Directory(before)
  const after = resolve({ models: { b: { aliases: ['short'] }, c: {} } })
  directory.set(after.models, after.names)
  expect(directory.id('short')).toBe('b')
  expect(directory.find('a')).toBeUndefined()
  expect(() => directory.id('lora')).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_MODEL_NOT_FOUND' }))
  expect(directory.models).toBe(after.models)
})
