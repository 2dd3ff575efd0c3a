import { resolveOptions } from '../../../lib/options/index.ts'
import { describe, expect, test } from 'vitest'
import { modelOf, refusal, resolve, withModel, withTop } from './helper.ts'

describe('names', () => {
  test('adapters with a path are for engines that can load them, and those without are lost at sleep level 2', () => {
    const adapters = { sql: '/adapters/sql' }
    expect(modelOf(withModel({ adapters, sleepLevel: 2 }))).toMatchObject({ adapters: ['sql'], adapterPaths: adapters })
    expect(refusal(() => withModel({ adapters, engine: 'llama.cpp' }))).toBe('models["a"].adapters must be a list of names: llama.cpp cannot load adapters while it runs')
    expect(refusal(() => withModel({ adapters: ['sql'], sleepLevel: 2 }))).toMatch(/^models\["a"\].adapters must be an object of paths by name where sleepLevel is 2/)
    expect(modelOf(withModel({ adapters: ['sql'], sleepLevel: 2, sleepMode: 'simulated' })).adapterPaths).toEqual({})
  })

  test('names, aliases and adapters map to the engine that serves them', () => {
    const { names } = resolve({ models: { a: { aliases: ['a1', 'org/a'], adapters: ['lora'] }, b: {} } })
    expect(names).toEqual(new Map([['a', 'a'], ['a1', 'a'], ['org/a', 'a'], ['lora', 'a'], ['b', 'b']]))
  })

  test.each([
    [{ a: { aliases: ['b'] }, b: {} }, 'models["a"].aliases[0] must be a name of its own: "b" is taken by models["b"]'],
    [{ a: {}, b: { aliases: ['x', 'a'] } }, 'models["b"].aliases[1] must be a name of its own: "a" is taken by models["a"]'],
    [{ a: { aliases: ['a'] } }, 'models["a"].aliases[0] must be a name of its own: "a" is taken by models["a"]'],
    [{ a: { aliases: ['x', 'x'] } }, 'models["a"].aliases[1] must be a name of its own: "x" is taken by models["a"].aliases[0]'],
    [{ a: { aliases: ['x'] }, b: { aliases: ['x'] } }, 'models["b"].aliases[0] must be a name of its own: "x" is taken by models["a"].aliases[0]'],
    [{ a: { aliases: ['x'], adapters: ['x'] } }, 'models["a"].adapters[0] must be a name of its own: "x" is taken by models["a"].aliases[0]'],
    [{ a: { adapters: ['x'] }, b: { adapters: ['x'] } }, 'models["b"].adapters[0] must be a name of its own: "x" is taken by models["a"].adapters[0]'],
    [{ a: { adapters: ['b'] }, b: {} }, 'models["a"].adapters[0] must be a name of its own: "b" is taken by models["b"]']
  ])('one name for two things is refused: %j', (models, expected) => {
    expect(refusal(() => resolve({ models }))).toBe(expected)
  })

  test('names that differ in case are different names', () => {
    expect(resolve({ models: { a: {}, A: {} } }).names.size).toBe(2)
  })

  test('names that are keys of every object are names like others', () => {
    const models = JSON.parse('{"__proto__":{"sleepLevel":2},"constructor":{},"toString":{"aliases":["hasOwnProperty"]}}')
    const options = resolve({ models })
    expect([...options.names.keys()]).toEqual(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    expect(modelOf(options, '__proto__')).toMatchObject({ id: '__proto__', path: '__proto__', sleepLevel: 2 })
  })
})

describe('sleep', () => {
  test('without sleep mode a model must be stopped, level 3', () => {
    expect(refusal(() => withModel({ sleepMode: false }))).toBe('models["a"].sleepLevel must be 3 where sleepMode is false, not 1')
    expect(refusal(() => withModel({ sleepMode: false, sleepLevel: 2 }))).toBe('models["a"].sleepLevel must be 3 where sleepMode is false, not 2')
    expect(modelOf(withModel({ sleepMode: false, sleepLevel: 3 })).sleepLevel).toBe(3)
  })

  test('simulated sleep keeps all levels', () => {
    for (const sleepLevel of [1, 2, 3]) expect(modelOf(withModel({ sleepMode: 'simulated', sleepLevel })).sleepLevel).toBe(sleepLevel)
  })
})

describe('ports', () => {
  test('two models on one port are refused', () => {
    expect(refusal(() => resolve({ models: { a: { port: 8001 }, b: { port: 8001 } } }))).toBe('models["b"].port must be a port of its own: 8001 is taken by models["a"]')
  })

  test('models without a port, or each with its own, are accepted', () => {
    expect(resolve({ models: { a: { port: 8001 }, b: { port: 8002 }, c: {}, d: {} } }).models.map(model => model.port)).toEqual([8001, 8002, undefined, undefined])
  })
})

describe('arguments that llmux sets itself', () => {
  test.each([
    ['--port', 'use the option port'],
    ['--uds', 'leave the option port out'],
    ['--host', 'engines listen on this machine only'],
    ['--served-model-name', 'use the key in models and the option aliases'],
    ['--enable-sleep-mode', 'use the option sleepMode'],
    ['--no-enable-sleep-mode', 'use the option sleepMode'],
    ['--api-key', 'use env.VLLM_API_KEY']
  ])('%s is refused, however it is written', (flag, instead) => {
    const expected = `models["a"].args[1] must not be ${flag}: ${instead}`
    const underscored = flag.replace('--', '').replaceAll('-', '_')
    expect(refusal(() => withModel({ args: ['--x', flag, '1'] }))).toBe(expected)
    expect(refusal(() => withModel({ args: ['--x', `${flag}=1`] }))).toBe(expected)
    expect(refusal(() => withModel({ args: ['--x', `--${underscored}`] }))).toBe(expected)
  })

  test('others that only look similar are accepted', () => {
    const args = ['--max-model-len', '4096', '--hosts', 'port', '-port', '--chat-template=--port']
    expect(modelOf(withModel({ args })).args).toEqual(args)
  })
})

describe('the share of a GPU', () => {
  test.each([
    [['--gpu-memory-utilization', '0.9']],
    [['--gpu-memory-utilization=0.9']],
    [['--gpu_memory_utilization', '0.9']],
    [['--gpu-memory-utilization', '0.2', '--gpu-memory-utilization', '0.9']]
  ])('may not be less than what vLLM is told to take: %j', args => {
    expect(refusal(() => withModel({ args, gpuShare: 0.5 }))).toBe('models["a"].gpuShare must be at least 0.9, which --gpu-memory-utilization in args takes, not 0.5')
  })

  test('may be as much or more', () => {
    expect(modelOf(withModel({ args: ['--gpu-memory-utilization', '0.4'], gpuShare: 0.4 })).gpuShare).toBe(0.4)
    expect(modelOf(withModel({ args: ['--gpu-memory-utilization', '0.9'] })).gpuShare).toBe(1)
  })
})

describe('a server that runs elsewhere', () => {
  const url = 'http://10.0.0.7:8000'

  test('has an origin, no GPU, and a time of its own to be ready', () => {
    expect(modelOf(withModel({ engine: 'openai', url: `${url}/` }))).toMatchObject({ url, gpus: [], sleepLevel: 3, timeouts: { start: 10_000 } })
    expect(modelOf(withModel({ engine: 'openai', url, timeouts: { start: 5 } })).timeouts.start).toBe(5)
  })

  test.each([
    [{ url }, "engine must be 'openai' where there is a url"],
    [{ engine: 'openai', url, gpus: [0] }, 'gpus must be left out where there is a url: the gateway does not run that server'],
    [{ engine: 'openai', url, command: 'x' }, 'command must be left out where there is a url: the gateway does not run that server'],
    [{ engine: 'openai', url: 'http://a/v1' }, 'url must be an origin: http://host:port or https://host:port, without path or credentials'],
    [{ apiKey: 'x' }, 'apiKey must be left out where there is no url']
  ])('%j', (model, message) => {
    expect(refusal(() => withModel(model as object))).toBe(`models["a"].${message}`)
  })
})

describe('residents', () => {
  const models = (share: number, more: object = {}) => ({ models: { chat: { gpuShare: share }, embed: { gpuShare: 0.2, resident: true }, rerank: { gpuShare: 0.15, resident: true, ...more } } })

  test('leave room for each of the others', () => {
    expect(() => resolve(models(0.65))).not.toThrow()
    expect(refusal(() => resolve(models(0.9)))).toBe('models["chat"].gpuShare must be at most 0.65, not 0.9: the resident models of GPU 0 ("embed", "rerank") take 0.35 of it for good')
  })

  test('on other GPUs are in nobody\'s way', () => {
    expect(() => resolve(models(0.8, { gpus: [1] }))).not.toThrow()
  })

  test('leave a model that may live anywhere as many GPUs as it takes', () => {
    const anywhere = (any: number) => ({ models: { big: { gpus: { any } }, embed: { gpuShare: 0.2, resident: true } } })
    const machine = { gpus: [0, 1].map(index => ({ index, uuid: `GPU-${index}`, name: 'X', total: 1 })), variable: 'CUDA_VISIBLE_DEVICES' as const, visible: undefined }
    expect(() => resolveOptions(anywhere(1), machine)).not.toThrow()
    expect(() => resolveOptions(anywhere(2), machine)).toThrow('models["big"].gpuShare must leave room for the resident models: beside them 1 of the 2 GPUs have a share of 1, and the model takes 2')
  })
})

describe('the default model', () => {
  const models = { 'qwen-14b': { aliases: ['qwen'], adapters: ['sql'] } }

  test.each(['qwen-14b', 'qwen', 'sql'])('may be %s', defaultModel => {
    expect(resolve({ models, defaultModel }).defaultModel).toBe(defaultModel)
  })

  test('must be known', () => {
    expect(refusal(() => resolve({ models, defaultModel: 'qwen-14' }))).toBe('defaultModel must be a name, an alias or an adapter of a model: did you mean qwen-14b?')
    expect(refusal(() => resolve({ models, defaultModel: 'gemma-3-12b-it' }))).toBe('defaultModel must be a name, an alias or an adapter of a model: known are qwen-14b, qwen, sql')
    expect(refusal(() => resolve({ models, defaultModel: '' }))).toContain('defaultModel must be')
  })
})

describe('the fallback upstream', () => {
  test.each([
    ['http://localhost:4000', 'http://localhost:4000'],
    ['https://api.example.com/', 'https://api.example.com'],
    ['HTTPS://API.example.com:443', 'https://api.example.com'],
    ['http://[::1]:8080', 'http://[::1]:8080']
  ])('%s becomes %s', (fallbackUpstream, origin) => {
    expect(withTop({ fallbackUpstream }).fallbackUpstream).toBe(origin)
  })

  test.each(['', 'localhost:4000', 'ftp://host', 'file:///etc', 'http://', 'http://host/v1', 'http://host/?a', 'http://host/#a', 'http://user@host', 'http://user:secret@host'])('%j is no origin', fallbackUpstream => {
    expect(refusal(() => withTop({ fallbackUpstream }))).toBe('fallbackUpstream must be an origin: http://host:port or https://host:port, without path or credentials')
  })
})

describe('idle', () => {
  const path = 'models["a"]'
  test.each([
    [{ keepAwake: true, idleTimeout: 1 }, `${path}.keepAwake must be false where there is an idleTimeout`],
    [{ keepAwake: true, idleStopTimeout: 1 }, `${path}.keepAwake must be false where there is an idleStopTimeout`],
    [{ idleTimeout: 2, idleStopTimeout: 2 }, `${path}.idleStopTimeout must be more than idleTimeout, which is 2, not 2`],
    [{ sleepLevel: 3, idleTimeout: 2, idleStopTimeout: 3 }, `${path}.idleStopTimeout must be left out where sleepLevel is 3: idleTimeout ends the processes`]
  ])('what contradicts itself is refused: %j', (model, expected) => {
    expect(refusal(() => withModel(model))).toBe(expected)
  })

  test('what does not is not', () => {
    for (const model of [{ idleTimeout: 2, idleStopTimeout: 3 }, { idleStopTimeout: 3 }, { keepAwake: true }, { sleepLevel: 3, idleTimeout: 2 }]) {
      expect(modelOf(withModel(model))).toMatchObject(model)
    }
  })

  test('two models that cannot be awake together cannot both be kept awake', () => {
    const kept = (share: number, gpus = [0]) => ({ keepAwake: true, gpuShare: share, gpus })
    expect(refusal(() => resolve({ models: { a: kept(0.5), b: kept(0.6) } }))).toBe('models["b"].keepAwake must be false: on its GPU there is no room for it beside "a"')
    expect(resolve({ models: { a: kept(0.5), b: kept(0.5), c: kept(1, [1]), d: {} } }).models).toHaveLength(4)
  })
})
