import { afterEach, describe, expect, test } from 'vitest'
import { modelOf, refusal, resolve, withModel } from './helper.ts'

const prototype = Object.prototype as unknown as Record<string, unknown>
const polluted: string[] = []

function pollute (key: string, value: unknown): void {
  prototype[key] = value
  polluted.push(key)
}

afterEach(() => {
  for (const key of polluted.splice(0)) delete prototype[key]
})

describe('only own properties are options', () => {
  test('a polluted prototype sets nothing', () => {
    const expected = withModel({})
    for (const key of ['port', 'command', 'policy', 'timeouts', 'prefix', 'defaultModel', 'sleepLevel', 'start', 'beta', 'maxWait', 'fallbackUpstream']) pollute(key, 9)
    const options = withModel({})
    const { models, names, ...top } = options
    expect(top).toMatchObject({ prefix: '', policy: { type: 'even-handed', beta: 0.5, maxWait: 60_000 }, defaultModel: undefined, fallbackUpstream: undefined })
    expect(modelOf(options)).toMatchObject({ port: undefined, command: 'vllm', sleepLevel: 1, timeouts: { start: 300_000 } })
    expect(Object.keys(options)).toEqual(Object.keys(expected))
  })

  test('a polluted prototype adds no model, and does not stand in for models', () => {
    pollute('ghost', {})
    expect([...withModel({}).names.keys()]).toEqual(['a'])
    pollute('models', { b: {} })
    expect(refusal(() => resolve({}))).toContain('models must be an object')
  })

  test('objects without a prototype are options like others', () => {
    const bare = (properties: object): object => Object.assign(Object.create(null), properties)
    const options = resolve(bare({ models: bare({ a: bare({ env: bare({ A: '1' }), timeouts: bare({ stop: 1 }) }) }), policy: bare({ type: 'fifo' }) }))
    expect(modelOf(options)).toMatchObject({ env: { A: '1' }, timeouts: { stop: 1 } })
  })
})

describe('the result', () => {
  test('is not touched by later changes of what was given', () => {
    const model = { args: ['--x'], env: { A: '1' }, command: ['vllm'], gpus: [0] }
    const options = withModel(model)
    model.args.push('--y')
    model.env.A = '2'
    model.command[0] = 'other'
    expect(modelOf(options)).toMatchObject({ args: ['--x'], env: { A: '1' }, command: ['vllm'] })
  })

  test('cannot be changed', () => {
    const options = withModel({ args: ['--x'] })
    expect(() => { options.maxQueue = 1 }).toThrow(TypeError)
    expect(() => { modelOf(options).args.push('--y') }).toThrow(TypeError)
    expect(() => { modelOf(options).timeouts.stop = 1 }).toThrow(TypeError)
    expect(() => { options.models.pop() }).toThrow(TypeError)
  })

  test('leaves what was given changeable', () => {
    const model = { args: ['--x'] }
    withModel(model)
    expect(Object.isFrozen(model.args)).toBe(false)
  })

  test('has the models in the order in which they were given, each with its name as id and path', () => {
    const { models } = resolve({ models: { 'z/1': {}, a: { path: '/models/a' } } })
    expect(models.map(({ id, path }) => ({ id, path }))).toEqual([{ id: 'z/1', path: 'z/1' }, { id: 'a', path: '/models/a' }])
  })
})
