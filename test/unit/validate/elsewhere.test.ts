import { expect, test } from 'vitest'
import { validate } from '../../../lib/validate/index.ts'

const models = { far: { engine: 'openai', url: 'http://127.0.0.1:1' } } as const

test('a server that runs elsewhere is left out, and refused if it is named', async () => {
  expect((await validate({ models })).models).toEqual([])
  await expect(validate({ models }, { models: ['far'] })).rejects.toThrow('models must name models that run on this machine, not "far", which has a url')
})
