import { describe, expect, it, test } from 'vitest'
import { adapterFault, engines, type EngineAdapter, type Launch } from '../../../lib/engines/index.ts'
import { modelOf, refusal, withModel } from '../options/helper.ts'

const launch = (more: Partial<Launch> = {}): Launch => ({
  model: 'm', path: '/models/m.gguf', servedNames: ['m', 'alias'], command: ['run'], address: { socket: '/run/x.sock' }, gpus: 1, devices: '0', sleepMode: true, sleepLevel: 1, adapters: 0, args: [], ...more
})
const line = (engine: EngineAdapter, more?: Partial<Launch>) => engine.argv(launch(more)).join(' ')
const port = { address: { port: 7 } }

describe('llama.cpp', () => {
  const engine = engines['llama.cpp']

  it('is given a file, its name, and a socket as its host', () => {
    expect(line(engine)).toBe('run --model /models/m.gguf --alias m --host /run/x.sock')
    expect(line(engine, { ...port, args: ['-ngl', '99'] })).toBe('run --model /models/m.gguf --alias m --host 127.0.0.1 --port 7 -ngl 99')
  })

  it('fetches what looks like a name on the hub', () => {
    expect(line(engine, { path: 'ggml-org/gemma-3-1b-it-GGUF:Q4_K_M' })).toContain('run --hf-repo ggml-org/gemma-3-1b-it-GGUF:Q4_K_M ')
    expect(line(engine, { path: './m' })).toContain('--model ./m')
  })

  it.each([
    ['llama_model_loader: loaded meta data with 26 key-value pairs', 'loading'],
    ['main: server is listening on http://127.0.0.1:8080 - starting the main loop', 'listening'],
    ['srv  update_slots: all slots are idle', undefined]
  ])('tells where its start is: %s', (text, stage) => expect(engine.readSign!(text)?.stage).toBe(stage))

  it.each([
    ['gguf_init_from_file: failed to open GGUF file \'x.gguf\'', 'model_missing'],
    ['llama_model_load: error loading model: unknown model architecture: \'foo\'', 'architecture'],
    ['ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory', 'gpu_memory'],
    ['start: couldn\'t bind HTTP server socket, hostname: 127.0.0.1, port: 8080', 'port_taken'],
    ['error: invalid argument: --nonsense', 'bad_argument']
  ])('tells why it did not start: %s', (text, cause) => expect(engine.startCause!(['main: loading model', text])).toEqual({ cause, line: text }))
})

describe('SGLang', () => {
  const engine = engines.sglang

  it('sleeps by the memory saver, and keeps its weights at level 1 only', () => {
    expect(line(engine, port)).toBe('run --model-path /models/m.gguf --served-model-name m --host 127.0.0.1 --port 7 --enable-memory-saver --enable-weights-cpu-backup')
    expect(line(engine, { ...port, sleepLevel: 2 })).toMatch(/--enable-memory-saver$/)
    expect(line(engine, { ...port, sleepLevel: 3 })).toMatch(/--port 7$/)
    expect(line(engine, { ...port, sleepMode: false })).toMatch(/--port 7$/)
  })

  it('takes as many GPUs as it is given, unless its arguments say', () => {
    expect(line(engine, { ...port, gpus: 2 })).toMatch(/--tp-size 2$/)
    expect(line(engine, { ...port, gpus: 2, args: ['--dp', '2'] })).toMatch(/backup --dp 2$/)
    expect(engine.parallelSize!(['--tp', '2', '--pp-size=2'])).toBe(4)
  })
})

describe('vLLM', () => {
  const engine = engines.vllm

  it('keeps as many LoRA adapters as it is told to, unless its arguments say', () => {
    expect(line(engine)).not.toContain('lora')
    expect(line(engine, { adapters: 4 })).toMatch(/--enable-lora --max-cpu-loras 4$/)
    expect(line(engine, { adapters: 4, args: ['--max-loras', '2'] })).toMatch(/--enable-lora --max-loras 2$/)
    expect(line(engine, { adapters: 4, args: ['--enable-lora', '--max-cpu-loras=9'] })).toMatch(/mode --enable-lora --max-cpu-loras=9$/)
  })
})

describe('any server', () => {
  it('finds its places filled in, and other words in braces as they are', () => {
    expect(engines.openai.argv(launch({ command: ['x', '--on={socket}', '{path}', '{name}', '{gpus}', '{port}', '{other}'], args: ['--{name}'] }))).toEqual(['x', '--on=/run/x.sock', '/models/m.gguf', 'm', '0', '', '{other}', '--m'])
  })
})

describe('the option engine', () => {
  it('brings its defaults', () => {
    expect(modelOf(withModel({}))).toMatchObject({ engine: engines.vllm, sleepLevel: 1, command: 'vllm' })
    expect(modelOf(withModel({ engine: 'llama.cpp' }, { command: 'my-vllm' }))).toMatchObject({ engine: engines['llama.cpp'], sleepLevel: 3, command: 'llama-server' })
    expect(modelOf(withModel({ engine: 'vllm' }, { command: 'my-vllm' })).command).toBe('my-vllm')
  })

  test.each([
    [{ engine: 'tgi' }, 'models["a"].engine must be "vllm", "llama.cpp", "sglang", or "openai", or an adapter of your own, not "tgi"'],
    [{ engine: 'openai' }, 'models["a"].command must be given: this engine has none of its own'],
    [{ engine: 'openai', command: ['x', '{port}'] }, 'models["a"].port must be given: a server of OpenAI\'s routes is not told to listen on a socket'],
    [{ engine: 'sglang' }, 'models["a"].port must be given: SGLang is not told to listen on a socket'],
    [{ engine: 'llama.cpp', sleepLevel: 1 }, 'models["a"].sleepLevel must be 3 for llama.cpp, not 1'],
    [{ engine: 'llama.cpp', args: ['--alias', 'x'] }, 'models["a"].args[1] must not be --alias: use the key in models'.replace('[1]', '[0]')],
    [{ engine: { name: '' } }, 'models["a"].engine.name must be a non-empty string'],
    [{ engine: { name: 'x', levels: [3] } }, 'models["a"].engine.argv must be a function'],
    [{ readyPath: 'health' }, 'models["a"].readyPath must be a path that starts with /, not "health"']
  ])('is checked: %o', (model, message) => expect(refusal(() => withModel(model))).toBe(message))

  it('takes an object of the user\'s as it is, also of a class', () => {
    class Mine implements EngineAdapter {
      name = 'mine'
      levels = [3] as const
      command = 'mine'
      argv () { return ['mine'] }
    }
    const engine = new Mine()
    expect(modelOf(withModel({ engine })).engine).toBe(engine)
  })

  it('demands what the levels of an adapter need', () => {
    const base = { name: 'x', argv: () => [] }
    const call = async () => {}
    expect(adapterFault({ ...base, levels: [] })?.[0]).toBe('levels')
    expect(adapterFault({ ...base, levels: [1] })?.[0]).toBe('sleep')
    expect(adapterFault({ ...base, levels: [1], sleep: call })?.[0]).toBe('wake')
    expect(adapterFault({ ...base, levels: [2], sleep: call, wake: call, wakeSteps: () => ['wake', 'reload'] })?.[0]).toBe('reload')
    expect(adapterFault({ ...base, levels: [1, 3], sleep: call, wake: call })).toBeUndefined()
  })
})
