import { describe, expect, it, vi } from 'vitest'
import { MemoryCommandError, SleepError } from '../../../lib/errors.ts'
import type { GpuMemories } from '../../../lib/orchestrator/memory/gpu-memory.ts'
import { fails, hangs } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

const mebibyte = 1024 ** 2
const total = 24_000

/**
 * A GPU of 24,000 MiB: `gpu.used` is what it says, in MiB; `looks` counts how often it was asked. `lists`: whether processes are
 * listed too: every engine that runs, and another process that holds `gpu.other` MiB.
 */
function setUpWithGpu (models = [makeModel('a'), makeModel('b')], { lists = false } = {}) {
  const gpu = { used: 0, other: 0, looks: 0, lists: 0, hangs: false, answer: undefined as undefined | (() => Promise<GpuMemories | undefined>) }
  const process = (pid: number, bytes: number) => ({ gpu: 0, pid, name: 'python3', bytes: bytes * mebibyte })
  const setup = setUp(models, {
    ...(lists && {
      readProcesses: async () => {
        gpu.lists++
        if (gpu.hangs) await new Promise(() => {})
        return [...setup.driver.processes.map(({ pid }) => process(pid, 1_000)), ...(gpu.other > 0 ? [process(4_000_000, gpu.other)] : [])]
      }
    }),
    readMemory: async () => {
      gpu.looks++
      return gpu.answer === undefined ? [{ used: gpu.used * mebibyte, total: total * mebibyte }] : await gpu.answer()
    }
  })
  return { ...setup, gpu }
}

type Gpu = ReturnType<typeof setUpWithGpu>

/** `a` was awake, and its group has just been killed; its memory is still on its way back. */
async function setUpAfterDeath (models?: Parameters<typeof setUpWithGpu>[0]): Promise<Gpu> {
  const setup = setUpWithGpu(models)
  const { orchestrator, driver, gpu } = setup
  await orchestrator.wake('a')
  gpu.used = 22_000
  driver.process.vanish()
  await settle()
  setup.changes.length = 0
  gpu.looks = 0
  return setup
}

/** What vLLM says of its sleep, on a GPU of which it took 20,000 MiB. */
const slept = (freed: number) => `INFO 11-27 12:00:00 [gpu_worker.py:1] Sleep mode freed ${(freed / 1024).toFixed(2)} GiB memory, 0.8 GiB memory is still in use.`

/** `b` sleeps and has said what it needs; `a` is awake. */
async function setUpSwitch (models?: Parameters<typeof setUpWithGpu>[0], options?: Parameters<typeof setUpWithGpu>[1]): Promise<Gpu> {
  const setup = setUpWithGpu(models, options)
  const { orchestrator, driver, gpu } = setup
  for (const [id, next] of [['b', 'a'], ['a', 'b'], ['b', 'a']] as const) {
    gpu.used = 0
    await orchestrator.wake(id)
    await orchestrator.sleep(id)
    driver.says(id, slept(20_000))
    await orchestrator.wake(next)
  }
  gpu.used = 21_000
  await settle()
  if (options?.lists) await lookAgain(setup, 21_000)
  setup.changes.length = 0
  driver.calls.length = 0
  gpu.looks = gpu.lists = 0
  return setup
}

/** `a` is awake, and the look after its wake has seen `used` MiB. */
async function lookAgain ({ orchestrator, gpu, clock }: Pick<Gpu, 'orchestrator' | 'gpu' | 'clock'>, used: number): Promise<void> {
  await orchestrator.sleep('a')
  gpu.used = 1_000
  await orchestrator.wake('a')
  gpu.used = used
  const { looks } = gpu
  await pass(clock, 300)
  await vi.waitFor(() => expect(gpu.looks).toBeGreaterThan(looks))
  await settle()
}

describe('before a wake that needs memory which is known', () => {
  it('GPU memory is looked at while the other model is still awake, and not again', async () => {
    const { orchestrator, gpu, driver, changes } = await setUpSwitch()
    await orchestrator.prepare('b')
    expect(gpu.looks).toBe(1)
    await orchestrator.sleep('a')
    gpu.used = 1_000
    await orchestrator.wake('b')
    expect(gpu.looks).toBe(1)
    expect(driver.calls).toContain('b wake')
    expect(changes.at(-1)).toMatchObject({ model: 'b', to: 'awake' })
    expect(changes.at(-1)).not.toHaveProperty('memory')
  })

  it('no switch waits for a look where processes are listed: they are, while the other model goes to sleep', async () => {
    const { orchestrator, gpu, driver, clock } = await setUpSwitch(undefined, { lists: true })
    await pass(clock, 60_000)
    await orchestrator.prepare('b')
    expect([gpu.looks, gpu.lists]).toEqual([0, 0])
    await orchestrator.sleep('a')
    await orchestrator.wake('b')
    expect(driver.calls.filter(call => /sleep|wake/.test(call))).toEqual(['a sleep 1', 'b wake'])
    await pass(clock, 300)
    await vi.waitFor(() => expect([gpu.looks, gpu.lists], 'the second look is for the next switch').toEqual([1, 2]))
  })

  it('what another process has taken since the last wake is missing, and is looked at', async () => {
    const { orchestrator, gpu, driver, clock } = await setUpSwitch([makeModel('a'), makeModel('b', { timeouts: { memory: 20_000 } })], { lists: true })
    await orchestrator.prepare('b')
    gpu.other = 5_000
    await orchestrator.sleep('a')
    gpu.used = 6_000
    const wake = outcome(orchestrator.wake('b'))
    await vi.waitFor(() => expect(gpu.looks).toBe(1))
    await pass(clock, 20_001)
    await vi.waitFor(() => expect(wake.error).toBeDefined())
    expect(wake.error).toMatchObject({ code: 'LLMUX_ERR_GPU_MEMORY', message: expect.stringMatching(/18000 MiB are free: process 4000000 \(python3\) holds 5000 MiB of GPU 0$/) })
    expect(driver.calls).not.toContain('b wake')
  })

  it('a list that hangs costs one switch a moment, and is not asked for again in the next minute', async () => {
    const { orchestrator, gpu, driver, clock } = await setUpSwitch(undefined, { lists: true })
    gpu.hangs = true
    await orchestrator.prepare('b')
    await orchestrator.sleep('a')
    gpu.used = 1_000
    const wake = outcome(orchestrator.wake('b'))
    await vi.waitFor(() => expect(gpu.lists).toBe(1))
    await pass(clock, 2_001)
    expect(wake.value).toBe(true)
    gpu.used = 21_000
    for (const [from, to] of [['b', 'a'], ['a', 'b']] as const) {
      await orchestrator.prepare(to)
      await orchestrator.sleep(from)
      gpu.used = 1_000
      await orchestrator.wake(to)
      gpu.used = 21_000
    }
    expect(gpu.lists).toBe(1)
    expect(driver.calls.filter(call => call.endsWith(' wake'))).toHaveLength(3)
  })

  it('what it held before is not', async () => {
    const { orchestrator, gpu, driver, clock } = await setUpSwitch(undefined, { lists: true })
    gpu.other = 3_000
    await lookAgain({ orchestrator, gpu, clock }, 23_000)
    gpu.looks = 0
    await orchestrator.prepare('b')
    await orchestrator.sleep('a')
    await orchestrator.wake('b')
    expect(driver.calls).toContain('b wake')
    await pass(clock, 300)
    await vi.waitFor(() => expect(gpu.looks).toBe(1))
  })

  it('it is looked at again if something of ours has changed meanwhile, or the look is old', async () => {
    const { orchestrator, gpu, clock } = await setUpSwitch()
    await orchestrator.prepare('b')
    await pass(clock, 2_001)
    await orchestrator.sleep('a')
    gpu.used = 1_000
    await orchestrator.wake('b')
    expect(gpu.looks).toBe(2)
  })

  it('waits for another process, and leaves the sleeper alone', async () => {
    const { orchestrator, gpu, driver, clock } = await setUpSwitch()
    await orchestrator.sleep('a')
    gpu.used = 6_000
    const wake = outcome(orchestrator.wake('b'))
    await pass(clock, 10_000)
    expect(driver.calls).not.toContain('b wake')
    gpu.used = 1_000
    await pass(clock, 1_000)
    expect(wake.value).toBe(true)
  })

  it('is refused after timeouts.memory if another process stays; the engine sleeps on, and wakes when there is room', async () => {
    const { orchestrator, gpu, driver, clock, warnings } = await setUpSwitch([makeModel('a'), makeModel('b', { timeouts: { memory: 20_000 } })])
    await orchestrator.sleep('a')
    gpu.used = 6_000
    const wake = outcome(orchestrator.wake('b'))
    await pass(clock, 20_001)
    expect(wake.error).toMatchObject({ code: 'LLMUX_ERR_GPU_MEMORY', statusCode: 503, message: 'model `b` needs 19988 MiB of GPU memory, and 18000 MiB are free' })
    expect(driver.calls).not.toContain('b wake')
    expect(orchestrator.state('b')).toBe('asleep')
    expect(warnings).toMatchObject([{ model: 'b', error: { code: 'LLMUX_ERR_GPU_MEMORY' } }])
    await expect(orchestrator.prepare('b')).rejects.toMatchObject({ code: 'LLMUX_ERR_GPU_MEMORY', retryAfter: expect.any(Number) })
    gpu.used = 1_000
    await pass(clock, 1_000)
    await orchestrator.wake('b')
    expect(orchestrator.state('b')).toBe('awake')
    expect(clock.pending).toBe(0)
  })
})

describe('before a start that needs memory which is known', () => {
  const needy = () => makeModel('needy', { args: ['--gpu-memory-utilization', '0.9'], timeouts: { memory: 20_000 } })

  it('is refused if another process stays, and nothing starts', async () => {
    const { orchestrator, gpu, driver, clock } = setUpWithGpu([needy()])
    gpu.used = 10_000
    const wake = outcome(orchestrator.wake('needy'))
    await pass(clock, 20_001)
    expect(wake.error).toMatchObject({ code: 'LLMUX_ERR_GPU_MEMORY', startCause: 'gpu_memory' })
    expect(driver.processes).toEqual([])
    expect(orchestrator.state('needy')).toBe('failed')
  })

  it('what sleepers keep is not waited for: who has slept longest is ended', async () => {
    const { orchestrator, gpu, driver, clock } = setUpWithGpu([makeModel('old'), makeModel('young'), needy()])
    for (const id of ['old', 'young']) {
      await orchestrator.wake(id)
      await orchestrator.sleep(id)
      await pass(clock, 10)
    }
    gpu.used = 3_000
    const wake = outcome(orchestrator.wake('needy'))
    await pass(clock, 900)
    expect(orchestrator.state('old')).toBe('asleep')
    driver.processes[0]!.gone(Infinity).then(() => { gpu.used = 2_000 })
    await pass(clock, 10_000)
    expect(wake.value).toBe(true)
    expect(orchestrator.state('old')).toBe('stopped')
    expect(orchestrator.state('young')).toBe('asleep')
  })
})

describe('GPU memory', () => {
  it('is seen to be free before a cold start, and then nothing is waited for', async () => {
    const { orchestrator, driver, gpu, changes } = setUpWithGpu()
    await orchestrator.wake('a')
    expect(driver.calls[0]).toBe('a spawn')
    expect(gpu.looks).toBeGreaterThan(0)
    expect(changes.at(-1)).toMatchObject({ to: 'awake', memory: 0 })
  })

  it('is waited for when a group has ended, and the event says how long it took', async () => {
    const { orchestrator, driver, gpu, changes, clock } = await setUpAfterDeath()
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 1_500)
    expect(orchestrator.state('a')).toBe('starting')
    expect(driver.alive).toEqual([])
    gpu.used = 500
    await pass(clock, 500)
    expect(wake.value).toBe(true)
    expect(changes.at(-1)!.memory).toBeGreaterThanOrEqual(1_500)
    expect(changes.at(-1)!.memory).toBeLessThanOrEqual(2_000)
  })

  it('is waited for by a neighbour that only wakes, too', async () => {
    const { orchestrator, driver, gpu, clock, changes } = setUpWithGpu()
    await orchestrator.wake('b')
    await orchestrator.sleep('b')
    await orchestrator.wake('a')
    gpu.used = 22_000
    driver.does.sleep = fails(new SleepError('a', '500'))
    outcome(orchestrator.sleep('a'))
    await pass(clock, 100)
    const wake = outcome(orchestrator.wake('b'))
    await pass(clock, 1_000)
    expect(orchestrator.state('b')).toBe('waking')
    expect(driver.calls).not.toContain('b wake')
    gpu.used = 1_000
    await pass(clock, 500)
    expect(wake.value).toBe(true)
    expect(changes.at(-1)).toMatchObject({ model: 'b', to: 'awake', reason: 'woken', memory: expect.any(Number) })
  })

  it('is not looked at on the plain way from sleep to wake', async () => {
    const { orchestrator, gpu, changes } = setUpWithGpu()
    await orchestrator.wake('a')
    await orchestrator.sleep('a')
    await orchestrator.wake('b')
    await orchestrator.sleep('b')
    await settle()
    gpu.looks = 0
    await orchestrator.wake('a')
    await orchestrator.sleep('a')
    await orchestrator.wake('b')
    expect(gpu.looks).toBe(0)
    expect(changes.at(-1)).not.toHaveProperty('memory')
  })

  it('does not wait forever for memory: when no more comes, the start shows whether it is enough', async () => {
    const { orchestrator, clock, warnings } = await setUpAfterDeath()
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 2_900)
    expect(wake.value).toBeUndefined()
    await pass(clock, 1_000)
    expect(wake.value).toBe(true)
    expect(warnings).toEqual([])
  })

  it('that comes drop by drop is waited for no longer than timeouts.memory; a warning tells', async () => {
    const { orchestrator, gpu, clock, warnings } = await setUpAfterDeath([makeModel('a', { timeouts: { memory: 20_000 } })])
    gpu.answer = async () => [{ used: (gpu.used -= 2) * mebibyte, total: total * mebibyte }]
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 19_990)
    expect(wake.value).toBeUndefined()
    await pass(clock, 20)
    expect(wake.value).toBe(true)
    expect(warnings).toMatchObject([{ model: 'a', error: { code: 'LLMUX_ERR_MEMORY_TIMEOUT', message: 'GPU memory did not come back within 20000 ms' } }])
  })

  it('that a command does not tell within two seconds is not waited for, now or the next time', async () => {
    const { orchestrator, gpu, clock, warnings } = await setUpAfterDeath()
    gpu.answer = () => new Promise(() => {})
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 2_000)
    expect(wake.value).toBe(true)
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_MEMORY_COMMAND', message: expect.stringContaining('no answer within 2000 ms') } }])
    await orchestrator.stop('a')
    const again = outcome(orchestrator.wake('a'))
    await pass(clock, 0)
    expect(again.value).toBe(true)
    expect(warnings, 'told once').toHaveLength(1)
  })

  it('that cannot be read is a warning, and no reason not to start', async () => {
    const { orchestrator, gpu, clock, warnings } = await setUpAfterDeath()
    gpu.answer = () => Promise.reject(new MemoryCommandError('exit code 9'))
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 0)
    expect(wake.value).toBe(true)
    expect(warnings).toMatchObject([{ model: 'a', error: { code: 'LLMUX_ERR_MEMORY_COMMAND' } }])
  })

  it('is of no interest where nobody can read it', async () => {
    const { orchestrator, gpu, changes } = await setUpAfterDeath()
    gpu.answer = async () => undefined
    await orchestrator.wake('a')
    expect(changes.at(-1)).not.toHaveProperty('memory')
  })

  it('is not waited for any more when the start is stopped, but by the next one', async () => {
    const { orchestrator, driver, gpu, clock } = await setUpAfterDeath()
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 500)
    await orchestrator.stop('a')
    await pass(clock, 0)
    expect(wake.value).toBe('LLMUX_ERR_WAKE_FAILED')
    expect(orchestrator.state('a')).toBe('stopped')
    expect(driver.alive).toEqual([])
    outcome(orchestrator.wake('b'))
    await pass(clock, 2_000)
    expect(driver.calls).not.toContain('b spawn')
    gpu.used = 0
    await pass(clock, 500)
    expect(driver.calls).toContain('b spawn')
  })

  it('is not waited for any more by a sleeper that dies meanwhile', async () => {
    const { orchestrator, driver, clock, gpu } = setUpWithGpu()
    await orchestrator.wake('b')
    await orchestrator.sleep('b')
    const sleeper = driver.process
    await orchestrator.wake('a')
    gpu.used = 22_000
    driver.process.vanish()
    await settle()
    outcome(orchestrator.wake('b'))
    await pass(clock, 300)
    gpu.used = 0
    sleeper.vanish()
    await pass(clock, 1_000)
    expect(driver.calls).not.toContain('b wake')
  })

  it('is what an engine was seen to take the next time it starts', async () => {
    const { orchestrator, driver, gpu, clock } = setUpWithGpu()
    driver.does.probe = async () => { gpu.used = 5_000; return true }
    await orchestrator.wake('a')
    await settle()
    gpu.used = 20_000
    driver.process.vanish()
    await settle()
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 200)
    expect(wake.value).toBeUndefined()
    // Far from what vLLM takes by itself, but enough for this one.
    gpu.used = 18_900
    await pass(clock, 200)
    expect(wake.value).toBe(true)
  })

  it('is not measured of an engine that has changed meanwhile', async () => {
    const { orchestrator, driver, gpu, clock } = setUpWithGpu([makeModel('a')])
    let tell = () => {}
    driver.does.probe = async () => {
      gpu.answer = () => new Promise(resolve => { tell = () => resolve([{ used: 100 * mebibyte, total: total * mebibyte }]) })
      return true
    }
    await orchestrator.wake('a')
    await orchestrator.sleep('a')
    tell()
    gpu.answer = undefined
    gpu.used = 20_000
    delete driver.does.probe
    await orchestrator.stop('a')
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 1_000)
    expect(wake.value).toBeUndefined()
  })

  it('is not looked at any more after the end', async () => {
    const { orchestrator, driver, gpu, clock } = await setUpAfterDeath()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 100)
    await orchestrator.close()
    const { looks } = gpu
    await pass(clock, 60_000)
    expect(gpu.looks).toBe(looks)
    expect(wake.value).toBe('LLMUX_ERR_CLOSING')
    expect(clock.pending).toBe(0)
  })
})
