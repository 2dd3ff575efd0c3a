import { describe, expect, it } from 'vitest'
import { SpawnError, WakeError } from '../../../lib/errors.ts'
import { fails, hangs, isDeaf } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

describe('starting an engine', () => {
  it('spawns, waits until it is healthy, and is awake then', async () => {
    const { orchestrator, driver, clock, path } = setUp()
    let healthy = false
    driver.does.probe = async () => healthy
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 3_000)
    expect(wake.value).toBeUndefined()
    expect(orchestrator.state('a')).toBe('starting')
    healthy = true
    await pass(clock, 50)
    expect(wake.value).toBe(true)
    expect(path()).toEqual(['starting', 'awake'])
    expect(driver.processes).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('is seen healthy at once when it is so at once', async () => {
    const { orchestrator, driver, clock } = setUp()
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    expect(wake.value).toBe(true)
    expect(driver.calls).toEqual(['a spawn', 'a probe'])
    expect(clock.pending).toBe(0)
  })

  it('looks after 5 ms, then less often the longer it takes, but never less than every 50 ms', async () => {
    const { orchestrator, driver, clock } = setUp()
    const times: number[] = []
    driver.does.probe = async () => {
      times.push(clock.now())
      return times.length > 200
    }
    orchestrator.wake('a')
    await pass(clock, 10_000)
    const pauses = times.slice(1).map((time, index) => time - times[index]!)
    expect(pauses[0]).toBe(5)
    expect(pauses.at(-1)).toBeGreaterThan(40)
    expect(Math.max(...pauses)).toBeLessThan(50)
    expect(pauses.slice(1).every((pause, index) => pause >= pauses[index]!)).toBe(true)
    expect(times).toHaveLength(201)
  })

  it('tells of every change: from, to, why, how long, and the process', async () => {
    const { orchestrator, driver, clock, changes } = setUp()
    let healthy = false
    driver.does.probe = async () => healthy
    await pass(clock, 500)
    orchestrator.wake('a')
    await pass(clock, 1_000)
    healthy = true
    await pass(clock, 45)
    expect(changes).toMatchObject([
      { model: 'a', from: 'stopped', to: 'starting', reason: 'wanted', duration: 500, time: 1_000_500 },
      { model: 'a', from: 'starting', to: 'awake', reason: 'started', pid: 100 }
    ])
    expect(changes[1]!.duration).toBeGreaterThanOrEqual(1_000)
    expect(changes[1]!.duration).toBeLessThanOrEqual(1_045)
    expect(changes[1]!.time).toBe(changes[0]!.time + changes[1]!.duration)
    expect(changes[0]).not.toHaveProperty('level')
    expect(changes[0]).not.toHaveProperty('error')
    expect(changes[0]).not.toHaveProperty('pid')
  })

  it('happens once, however many want it', async () => {
    const { orchestrator, driver, clock } = setUp()
    let healthy = false
    driver.does.probe = async () => healthy
    const first = outcome(orchestrator.wake('a'))
    await pass(clock, 100)
    const others = [1, 2, 3].map(() => outcome(orchestrator.wake('a')))
    healthy = true
    await pass(clock, 50)
    expect([first, ...others].map(wake => wake.value)).toEqual([true, true, true, true])
    expect(driver.calls.filter(call => call === 'a spawn')).toHaveLength(1)
  })

  it('fails for all who want it, and is tried again after a pause', async () => {
    const { orchestrator, driver, clock } = setUp()
    driver.does.spawn = fails(new SpawnError('a', 'no such file'))
    const wakes = [outcome(orchestrator.wake('a')), outcome(orchestrator.wake('a'))]
    await settle()
    expect(wakes.map(wake => wake.value)).toEqual(['LLMUX_ERR_SPAWN_FAILED', 'LLMUX_ERR_SPAWN_FAILED'])
    delete driver.does.spawn
    await pass(clock, 1_000)
    await orchestrator.wake('a')
    expect(orchestrator.state('a')).toBe('awake')
  })

  it('does nothing for an engine that is awake', async () => {
    const { orchestrator, driver, path } = setUp()
    await orchestrator.wake('a')
    driver.calls.length = 0
    path()
    await orchestrator.wake('a')
    expect(driver.calls).toEqual([])
    expect(path()).toEqual([])
  })

  it('fails without a process when it cannot be spawned', async () => {
    const { orchestrator, driver, path, changes } = setUp()
    const error = new SpawnError('a', 'no such file')
    driver.does.spawn = fails(error)
    await expect(orchestrator.wake('a')).rejects.toBe(error)
    expect(changes.at(-1)).toMatchObject({ to: 'failed', error, reason: error.message })
    expect(path()).toEqual(['starting', 'failed'])
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'failed', error, pid: undefined, lastLines: [] })
    expect(orchestrator.holdsGpu('a')).toBe(false)
  })

  it('ends the group when it is not healthy in time, and has its last lines', async () => {
    const { orchestrator, driver, clock, path } = setUp()
    driver.does.probe = async () => false
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 299_990)
    expect(wake.value).toBeUndefined()
    driver.process.lines = Array.from({ length: 30 }, (_, index) => `line ${index}`)
    await pass(clock, 10)
    expect(wake.value).toBe('LLMUX_ERR_START_TIMEOUT')
    expect(wake.error).toMatchObject({ startCause: 'timeout', lastLines: driver.process.lines.slice(10) })
    expect(wake.error!.message).toBe('the engine of model `a` was not healthy within 300000 ms')
    expect(driver.process.signals).toEqual(['SIGTERM'])
    expect(path()).toEqual(['starting', 'stopping', 'failed'])
    expect(orchestrator.snapshot('a').error).toBe(wake.error)
    expect(clock.pending).toBe(0)
  })

  it('says nothing of last lines where there are none', async () => {
    const { orchestrator, driver, clock } = setUp()
    driver.does.probe = async () => false
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 300_000)
    expect(wake.error!.message).toBe('the engine of model `a` was not healthy within 300000 ms')
  })

  it('stops probing when the time is over', async () => {
    const { orchestrator, driver, clock } = setUp()
    driver.does.probe = isDeaf
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 300_000)
    expect(wake.value).toBe('LLMUX_ERR_START_TIMEOUT')
    const probes = driver.calls.length
    await pass(clock, 60_000)
    expect(driver.calls).toHaveLength(probes)
    expect(clock.pending).toBe(0)
  })

  it('gives up one probe after its own limit, warns, and probes again', async () => {
    const { orchestrator, driver, clock, warnings } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 4_999)
    expect(driver.calls).toEqual(['a spawn', 'a probe'])
    expect(warnings).toEqual([])
    delete driver.does.probe
    await pass(clock, 50)
    expect(wake.value).toBe(true)
    expect(warnings).toMatchObject([{ model: 'a', time: 1_005_000, error: { code: 'LLMUX_ERR_HEALTH_TIMEOUT' } }])
  })

  it('does not warn of a probe that ends because the start does', async () => {
    const { orchestrator, driver, clock, warnings } = setUp([makeModel('a', { timeouts: { start: 3_000 } })])
    driver.does.probe = hangs
    orchestrator.wake('a').catch(() => {})
    await pass(clock, 10_000)
    expect(orchestrator.state('a')).toBe('failed')
    expect(warnings).toEqual([])
  })

  it('fails as soon as the process dies, with all that it said', async () => {
    const { orchestrator, driver, clock, path } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    driver.process.lines = ['one']
    driver.process.lateLines = ['two']
    driver.process.vanish({ code: 3, signal: null })
    await settle()
    expect(wake.value).toBe('LLMUX_ERR_PROCESS_DIED')
    expect(wake.error!.message).toBe('the process of model `a` died: exit code 3')
    expect(wake.error).toMatchObject({ startCause: 'other', lastLines: ['one', 'two'] })
    expect(path()).toEqual(['starting', 'stopping', 'failed'])
    expect(clock.pending).toBe(0)
  })

  it('says why, in the error, the event and the status, as far as its output tells', async () => {
    const { orchestrator, driver, changes, path } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    // The cause is far above the last lines.
    const line = 'ValueError: Free memory on device cuda:0 (1.2/79.1 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB).'
    driver.process.lines = [`(EngineCore pid=7) ERROR 11-27 10:00:00 [core.py:843] ${line}`, ...Array.from({ length: 40 }, (_, index) => `  File "x.py", line ${index}`)]
    driver.process.vanish({ code: 1, signal: null })
    await settle()
    expect(wake.error).toMatchObject({ message: 'the process of model `a` died: exit code 1: too little GPU memory', startCause: 'gpu_memory', causeLine: line })
    expect(changes.filter(({ startCause }) => startCause !== undefined)).toMatchObject([{ to: 'failed', startCause: 'gpu_memory', error: wake.error }])
    expect(path()).toEqual(['starting', 'stopping', 'failed'])
    expect(orchestrator.snapshot('a').startCause).toBe('gpu_memory')
  })

  it('is not failed any more when it is tried again', async () => {
    const { orchestrator, driver, clock, path } = setUp()
    driver.does.spawn = fails(new SpawnError('a', 'no such file'))
    await outcome(orchestrator.wake('a'))
    await settle()
    await pass(clock, 2_000)
    delete driver.does.spawn
    await orchestrator.prepare('a')
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'stopped', error: undefined, startCause: undefined })
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 100)
    expect(wake.value).toBe(true)
    expect(path()).toEqual(['starting', 'failed', 'stopped', 'starting', 'awake'])
  })

  it('has no banner of vLLM\'s among its last lines', async () => {
    const { orchestrator, driver } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    const prefix = '(APIServer pid=7) INFO 11-27 10:00:00 [utils.py:325]'
    driver.process.lines = [prefix, `${prefix}        █     █     █▄   ▄█`, `${prefix}  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0`, `${prefix} non-default args: {}`, 'Capturing CUDA graphs: 100%|██████████| 2/2']
    driver.process.vanish({ code: 1, signal: null })
    await settle()
    expect(wake.error).toMatchObject({ lastLines: [`${prefix} non-default args: {}`, 'Capturing CUDA graphs: 100%|██████████| 2/2'] })
    expect(orchestrator.snapshot('a').lastLines).toHaveLength(2)
    expect(orchestrator.lastLines('a', 100)).toHaveLength(5)
  })

  it('takes exit code 0 for a death as well', async () => {
    const { orchestrator, driver } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    driver.process.vanish({ code: 0, signal: null })
    await settle()
    expect(wake.error!.message).toBe('the process of model `a` died: exit code 0')
  })

  it('kills the children of a leader that died before it rejects', async () => {
    const { orchestrator, driver } = setUp()
    driver.does.probe = hangs
    driver.stamina = 'ends on SIGKILL'
    const wake = outcome(orchestrator.wake('a').finally(() => expect(driver.alive).toEqual([])))
    await settle()
    driver.process.loseLeader({ code: null, signal: 'SIGSEGV' })
    await settle()
    expect(wake.error!.message).toBe('the process of model `a` died: signal SIGSEGV')
    expect(driver.process.signals).toEqual(['SIGKILL'])
  })

  it('reports no loss: the caller of the start sees it fail', async () => {
    const { orchestrator, driver, lost } = setUp()
    driver.does.probe = hangs
    outcome(orchestrator.wake('a'))
    await settle()
    driver.process.vanish()
    await settle()
    expect(lost).toEqual([])
  })

  it('starts afresh after a failed start', async () => {
    const { orchestrator, driver, clock } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    driver.process.vanish()
    await settle()
    expect(wake.value).toBe('LLMUX_ERR_PROCESS_DIED')
    delete driver.does.probe
    await pass(clock, 1_000)
    await orchestrator.wake('a')
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'awake', pid: 101, error: undefined })
  })
})

describe('the warm-up', () => {
  const model = makeModel('a', { warmup: true })

  it('comes before anybody is told that the engine is awake', async () => {
    const { orchestrator, driver, clock } = setUp([model])
    driver.does.warmUp = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    expect(driver.calls).toEqual(['a spawn', 'a probe', 'a warmUp'])
    expect(orchestrator.state('a')).toBe('starting')
    expect(wake.value).toBeUndefined()
    await pass(clock, 110_000)
    expect(wake.value).toBe('LLMUX_ERR_WAKE_TIMEOUT')
    expect(driver.alive).toEqual([])
  })

  it('follows each wake too', async () => {
    const { orchestrator, driver } = setUp([model])
    await orchestrator.wake('a')
    await orchestrator.sleep('a')
    driver.calls.length = 0
    await orchestrator.wake('a')
    expect(driver.calls).toEqual(['a wake', 'a warmUp'])
  })

  it('is optional', async () => {
    const { orchestrator, driver } = setUp()
    await orchestrator.wake('a')
    expect(driver.calls).not.toContain('a warmUp')
  })

  it('is a warning for a model that does not generate', async () => {
    const { orchestrator, driver, warnings } = setUp([model])
    driver.does.warmUp = async () => false
    await orchestrator.wake('a')
    expect(orchestrator.state('a')).toBe('awake')
    expect(warnings).toMatchObject([{ model: 'a', error: { code: 'LLMUX_ERR_WAKE_FAILED', message: expect.stringContaining('/v1/completions') } }])
  })

  it('says nothing when it worked', async () => {
    const { orchestrator, warnings } = setUp([model])
    await orchestrator.wake('a')
    expect(warnings).toEqual([])
  })

  it('ends an engine that cannot answer', async () => {
    const { orchestrator, driver, clock } = setUp([model])
    const error = new WakeError('a', 'POST /v1/completions answered 500')
    driver.does.warmUp = fails(error)
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 100)
    expect(wake.error).toBe(error)
    expect(driver.alive).toEqual([])
  })
})
