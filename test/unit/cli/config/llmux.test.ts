import { describe, expect, test } from 'vitest'
import { readConfigText } from '../../../../lib/cli/config/read.ts'

const read = (content: object) => readConfigText(JSON.stringify(content), 'llmux.json')
const qwen = { model_path: 'Qwen/Qwen3-14B', port: 8001 }
const notesOf = (content: object) => Object.fromEntries(read(content).notes.map(({ field, text }) => [field, text]))

/** One model with more fields, and what else is in the file. */
const withModel = (model: object, more: object = {}) => ({ models: { qwen: { ...qwen, sleep_level: 1, ...model } }, ...more })
const modelOf = (content: object) => read(content).options.models['qwen']
const new_ = { admin_port: 9091 }

describe('llmux 0.3', () => {
  test('a small file, with the documented defaults where its policy is absent', () => {
    const { shape, options, gateway } = read({ models: { qwen } })
    expect(shape).toBe('llmux 0.3')
    expect(options).toEqual({
      models: { qwen: { path: 'Qwen/Qwen3-14B', port: 8001, sleepLevel: 3 } },
      policy: { type: 'fifo', minActive: 5_000 },
      timeouts: { queue: 60_000 }
    })
    expect(gateway).toMatchObject({ port: 3000, host: '127.0.0.1' })
  })

  test('every field', () => {
    const { options, gateway, notes } = read({
      models: { qwen: { ...qwen, extra_args: ['--max-model-len', '4096'], sleep_level: 2 } },
      policy: { policy_type: 'fifo', request_timeout_secs: 30, drain_before_switch: true, sleep_level: 2, min_active_secs: 1.5 },
      port: 4000,
      metrics_port: 0,
      vllm_command: '/opt/vllm/bin/vllm'
    })
    expect(options).toEqual({
      models: { qwen: { path: 'Qwen/Qwen3-14B', port: 8001, args: ['--max-model-len', '4096'], sleepLevel: 2 } },
      command: '/opt/vllm/bin/vllm',
      policy: { type: 'fifo', minActive: 1_500 },
      timeouts: { queue: 30_000 }
    })
    expect(gateway.port).toBe(4000)
    expect(notes.map(({ field }) => field)).toEqual(['metrics_port'])
  })

  test('what it dropped without a word is told, in the form that counts', () => {
    const notes = notesOf(withModel({ gpu_memory_utilization: 0.8, dtype: 'auto', enforce_eager: true, enable_x: false }))
    expect(notes['models["qwen"].gpu_memory_utilization']).toMatch(/dropped it without a word.*"extra_args": \["--gpu-memory-utilization","0.8"\]/)
    expect(notes['models["qwen"].dtype']).toContain('["--dtype","auto"]')
    expect(notes['models["qwen"].enforce_eager']).toContain('["--enforce-eager"]')
    expect(notes['models["qwen"].enable_x']).toContain('["--no-enable-x"]')
    expect(modelOf(withModel({ dtype: 'auto' }))).toEqual(modelOf(withModel({})))
  })

  test('fields that nobody knows', () => {
    expect(notesOf(withModel({}, { prot: 1, policy: { fancy: 1 } }))).toEqual({
      prot: 'is ignored: it is no field of llmux 0.3', 'policy.fancy': 'is ignored: it is no field of llmux 0.3'
    })
  })

  test('flags that are options here', () => {
    const words = ['--enable-sleep-mode', '--served_model_name', 'qwen', 'big', 'old', '--port=9', '--host', '0.0.0.0', '--api-key', 's3cret', '--uds', '/x', '--tp', '2']
    expect(modelOf(withModel({ extra_args: words }))).toEqual({
      path: 'Qwen/Qwen3-14B', port: 8001, aliases: ['big', 'old'], args: ['--tp', '2'], env: { VLLM_API_KEY: 's3cret' }, sleepLevel: 1
    })
    const { notes } = read(withModel({ extra_args: words }))
    expect(notes).toHaveLength(6)
    expect(JSON.stringify(notes)).not.toContain('s3cret')
  })

  test.for([
    [{ sleep_level: 1 }, { sleep_level: 2 }, 1, /0\.3 used policy\.sleep_level \(2\) for all models/],
    [{ sleep_level: 1 }, { sleep_level: 1 }, 1, undefined],
    [{ sleep_level: undefined }, { sleep_level: 2 }, 2, undefined],
    [{ sleep_level: undefined }, {}, 3, /documented default/],
    [{ sleep_level: 4 }, {}, 3, /between 0\.3 and 0\.9/],
    [{ sleep_level: 5 }, {}, 3, /between 0\.3 and 0\.9/]
  ] as const)('the level of %j under a policy with %j is %d', ([model, policy, level, note]) => {
    const content = withModel(model, { policy })
    expect(modelOf(content)?.sleepLevel).toBe(level)
    const texts = Object.values(notesOf(content)).join()
    if (note === undefined) expect(texts).toBe('')
    else expect(texts).toMatch(note)
  })

  test('limits that it let be nothing', () => {
    const content = withModel({}, { policy: { request_timeout_secs: 0, drain_before_switch: false, policy_type: 'lru' } })
    expect(read(content).options).toMatchObject({ timeouts: { queue: 60_000, drain: 1 }, policy: { type: 'fifo' } })
    expect(Object.keys(notesOf(content)).sort()).toEqual(['policy.drain_before_switch', 'policy.policy_type', 'policy.request_timeout_secs'])
  })

  test.for([
    [{ models: { qwen: { port: 1, extra_args: [] } } }, 'models["qwen"].model_path must be a string, but is missing'],
    [withModel({ port: 'x' }), 'models["qwen"].port must be a number'],
    [withModel({ port: 70_000 }), 'models["qwen"].port must be a whole number from 1 to 65535'],
    [withModel({ extra_args: '--x' }), 'models["qwen"].extra_args must be a list of strings'],
    [withModel({ sleep_level: 7 }), 'models["qwen"].sleep_level must be 1, 2 or 3, not 7'],
    [withModel({}, { policy: { min_active_secs: -1 } }), 'policy.min_active_secs must be a number of at least 0'],
    [withModel({}, { policy: { drain_before_switch: 'no' } }), 'policy.drain_before_switch must be true or false'],
    [withModel({}, { policy: 7 }), 'policy must be an object'],
    [{ vllm_command: 'vllm' }, 'models must be an object'],
    [{ models: { qwen, bad: 3 }, vllm_command: 'vllm' }, 'models["bad"] must be an object']
  ])('%j is refused, naming the field', ([content, message]) => {
    expect(() => read(content as object)).toThrow(`llmux.json: ${message}`)
  })
})

describe('llmux 0.9', () => {
  test.for([
    [{ weights: 'offload', process: 'keep_running' }, 1, undefined],
    [{ weights: 'discard', process: 'keep_running' }, 2, undefined],
    [{ weights: 'retain', process: 'keep_running' }, 1, /weights retain would leave/],
    [{ weights: 'retain', process: 'stop' }, 3, undefined],
    [{ weights: 'discard', process: 'stop' }, 3, undefined],
    [{}, 3, undefined],
    [{ weights: 'retain', process: 'cuda_suspend' }, 1, /process cuda_suspend is not offered: 1 is the nearest/],
    [{ weights: 'discard', process: 'cuda_suspend' }, 2, /2 is the nearest/],
    [{ weights: 'retain', process: 'checkpoint' }, 3, /process checkpoint is not offered: 3/]
  ] as const)('eviction %j is level %d', ([eviction, level, note]) => {
    for (const content of [{ models: { qwen: { ...qwen, eviction } } }, { models: { qwen }, policy: { eviction } }]) {
      const { shape, options } = read(content)
      expect(shape).toBe('llmux 0.9')
      expect(options.models['qwen']?.sleepLevel).toBe(level)
    }
    const texts = read({ models: { qwen: { ...qwen, eviction } } }).notes.map(({ field, text }) => `${field.split('.').at(-1)} ${text}`)
    if (note === undefined) expect(texts).toEqual([])
    else expect(texts.join()).toMatch(note)
  })

  test('every field beside eviction', () => {
    const content = withModel({ checkpoint_path: '/x' }, {
      admin_port: 9091, checkpoint: { criu_path: 'criu', images_dir: '/tmp' }, startup_timeout_secs: 900, warmup: true, metrics_port: 9090, port: 1, vllm_command: 'v'
    })
    expect(read(content).options).toEqual({
      models: { qwen: { path: 'Qwen/Qwen3-14B', port: 8001, sleepLevel: 1, warmup: true } },
      command: 'v',
      policy: { type: 'fifo', minActive: 5_000 },
      timeouts: { queue: 300_000, start: 900_000 }
    })
    expect(Object.keys(notesOf(content)).sort()).toEqual(['admin_port', 'checkpoint', 'metrics_port', 'models["qwen"].checkpoint_path'])
  })

  const all = { coalesce_window_ms: 1, amortization_factor: 0.1, max_wait_secs: 2, tick_interval_ms: 3, min_quantum_ms: 4, min_active_secs: 6 }
  test.for([
    ['cost_aware', { type: 'cost-aware', coalesceWindow: 1, amortizationFactor: 0.1, maxWait: 2_000 }, ['min_active_secs', 'tick_interval_ms', 'min_quantum_ms']],
    ['time_slice', { type: 'time-slice', minQuantum: 4, maxWait: 2_000 }, ['min_active_secs', 'tick_interval_ms', 'coalesce_window_ms', 'amortization_factor']],
    ['fifo', { type: 'fifo', minActive: 6_000 }, ['coalesce_window_ms', 'amortization_factor', 'max_wait_secs', 'tick_interval_ms', 'min_quantum_ms']]
  ] as const)('%s takes what it has a use for, and the rest is told', ([policyType, policy, ignored]) => {
    const content = withModel({}, { ...new_, policy: { policy_type: policyType, ...all } })
    expect(read(content).options.policy).toEqual(policy)
    expect(Object.keys(notesOf(content)).sort()).toEqual(['admin_port', ...ignored.map(name => `policy.${name}`)].sort())
  })

  test('a policy without figures has ours, which are the same', () => {
    expect(read(withModel({}, { policy: { policy_type: 'cost_aware' } })).options.policy).toEqual({ type: 'cost-aware' })
    expect(read(withModel({}, { policy: { policy_type: 'time_slice' } })).shape).toBe('llmux 0.9')
  })

  test('an eviction that is none is refused', () => {
    expect(() => read({ models: { qwen: { ...qwen, eviction: { process: 'freeze' } } } })).toThrow('models["qwen"].eviction.process must be one of keep_running, cuda_suspend, checkpoint, stop, not "freeze"')
    expect(() => read({ models: { qwen: { ...qwen, eviction: { weights: 1 } } } })).toThrow('models["qwen"].eviction.weights must be a string')
  })
})
