import { describe, expect, it } from 'vitest'
import type { CommandContext } from '../../../../lib/options/types.ts'
import { engineArgv, engineEnv } from '../../../../lib/orchestrator/local/command.ts'
import { makeModel } from '../helper.ts'

describe('the command line of an engine', () => {
  it('listens on a socket', () => {
    expect(engineArgv(makeModel('qwen', { path: 'Qwen/Qwen3' }), { socket: '/run/x.sock' })).toEqual([
      'vllm', 'serve', 'Qwen/Qwen3', '--served-model-name', 'qwen', '--uds', '/run/x.sock', '--enable-sleep-mode'
    ])
  })

  it('listens on loopback only', () => {
    expect(engineArgv(makeModel('qwen'), { port: 8001 })).toEqual([
      'vllm', 'serve', 'qwen', '--served-model-name', 'qwen', '--port', '8001', '--host', '127.0.0.1', '--enable-sleep-mode'
    ])
  })

  it('serves all names but those of adapters, and ends with the model\'s own arguments', () => {
    const model = makeModel('qwen', { aliases: ['q', 'latest'], adapters: ['lora'], args: ['--dtype', 'half precision'] })
    const argv = engineArgv(model, { port: 1 })
    expect(argv.join(' ')).toContain('--served-model-name qwen q latest --port')
    expect(argv).not.toContain('lora')
    expect(argv.slice(-2)).toEqual(['--dtype', 'half precision'])
  })

  it.each([false, 'simulated'] as const)('has no flag for sleep mode where it is %s', sleepMode => {
    expect(engineArgv(makeModel('qwen', { sleepMode, args: ['-x'] }), { port: 1 }).slice(-3)).toEqual(['--host', '127.0.0.1', '-x'])
  })

  it('begins with the words of a string, or with an array as it is', () => {
    expect(engineArgv(makeModel('qwen', { command: '  uv run  vllm ' }), { port: 1 }).slice(0, 4)).toEqual(['uv', 'run', 'vllm', 'serve'])
    expect(engineArgv(makeModel('qwen', { command: ['my vllm', '-x'] }), { port: 1 }).slice(0, 3)).toEqual(['my vllm', '-x', 'serve'])
  })

  it('is what a function makes of it', () => {
    const contexts: CommandContext[] = []
    const command = (context: CommandContext) => {
      contexts.push(context)
      return ['docker', 'run']
    }
    const model = makeModel('qwen', { command, path: '/models/qwen', aliases: ['q'], args: ['--x'], sleepMode: 'simulated' })
    expect(engineArgv(model, { port: 7 })).toEqual(['docker', 'run'])
    expect(engineArgv({ ...model, sleepMode: true }, { socket: '/s' })).toEqual(['docker', 'run'])
    const common = { model: 'qwen', path: '/models/qwen', servedNames: ['qwen', 'q'], args: ['--x'] }
    expect(contexts).toEqual([{ ...common, port: 7, sleepMode: false }, { ...common, socket: '/s', sleepMode: true }])
    expect(contexts[0]!.args).not.toBe(model.args)
  })

  it('goes with an environment that opens the control endpoints and asks for no colours, unless the model says otherwise', () => {
    expect(engineEnv(makeModel('qwen'))).toEqual({ VLLM_SERVER_DEV_MODE: '1', NO_COLOR: '1' })
    expect(engineEnv(makeModel('qwen', { env: { NO_COLOR: '', HF_HOME: '/hf' } }))).toEqual({ VLLM_SERVER_DEV_MODE: '1', NO_COLOR: '', HF_HOME: '/hf' })
  })
})
