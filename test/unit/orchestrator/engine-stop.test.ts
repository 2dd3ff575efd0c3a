import { describe, expect, it } from 'vitest'
import { hangs, isDeaf } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

async function setUpAwake () {
  const setup = setUp()
  await setup.orchestrator.wake('a')
  setup.driver.calls.length = 0
  setup.changes.length = 0
  return setup
}

describe('stopping an engine', () => {
  it('breaks its connections, then sends SIGTERM to its group and waits until nobody is left', async () => {
    const { orchestrator, driver, clock, path, changes, warnings, lost } = await setUpAwake()
    driver.process.stamina = 'never ends'
    const stop = outcome(orchestrator.stop('a'))
    await pass(clock, 5_000)
    expect(driver.calls).toEqual(['a disconnect'])
    expect(driver.process.signals).toEqual(['SIGTERM'])
    expect(orchestrator.state('a')).toBe('stopping')
    expect(orchestrator.holdsGpu('a')).toBe(false)
    expect(stop.value).toBeUndefined()
    driver.process.vanish({ code: 0, signal: null })
    await settle()
    expect(stop.value).toBe(true)
    expect(changes).toMatchObject([{ reason: 'stop requested', pid: 100 }, { reason: 'stop requested' }])
    expect(path()).toEqual(['stopping', 'stopped'])
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'stopped', pid: undefined, error: undefined })
    expect(warnings).toEqual([])
    expect(lost).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('waits for children that outlive their leader', async () => {
    const { orchestrator, driver, clock } = await setUpAwake()
    driver.process.stamina = 'ends on SIGKILL'
    const stop = outcome(orchestrator.stop('a'))
    await pass(clock, 100)
    driver.process.loseLeader({ code: 0, signal: null })
    await pass(clock, 9_899)
    expect(stop.value).toBeUndefined()
    expect(driver.process.signals).toEqual(['SIGTERM'])
    await pass(clock, 1)
    expect(driver.process.signals).toEqual(['SIGTERM', 'SIGKILL'])
    expect(stop.value).toBe(true)
  })

  it('sends SIGKILL after the limit, with a warning', async () => {
    const { orchestrator, driver, clock, warnings, path } = await setUpAwake()
    driver.process.stamina = 'ends on SIGKILL'
    const stop = outcome(orchestrator.stop('a'))
    await pass(clock, 9_999)
    expect(driver.process.signals).toEqual(['SIGTERM'])
    await pass(clock, 1)
    expect(driver.process.signals).toEqual(['SIGTERM', 'SIGKILL'])
    expect(stop.value).toBe(true)
    expect(warnings).toMatchObject([{ model: 'a', error: { code: 'LLMUX_ERR_STOP_TIMEOUT', message: expect.stringContaining('within 10000 ms') } }])
    expect(path()).toEqual(['stopping', 'stopped'])
  })

  it('does nothing to an engine that does not run', async () => {
    const { orchestrator, driver, path } = setUp()
    await orchestrator.stop('a')
    expect(driver.calls).toEqual([])
    expect(path()).toEqual([])
  })

  it('happens once, however many want it', async () => {
    const { orchestrator, driver, path } = await setUpAwake()
    await Promise.all([orchestrator.stop('a'), orchestrator.stop('a'), orchestrator.sleep('a', 3)])
    expect(driver.process.signals).toEqual(['SIGTERM'])
    expect(path()).toEqual(['stopping', 'stopped'])
  })

  it('interrupts a start', async () => {
    const { orchestrator, driver, clock, path } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a').finally(() => expect(driver.alive).toEqual([])))
    await settle()
    const stop = outcome(orchestrator.stop('a'))
    await pass(clock, 0)
    expect(wake.value).toBe('LLMUX_ERR_WAKE_FAILED')
    expect(wake.error!.message).toContain('stopped meanwhile')
    expect(stop.value).toBe(true)
    expect(path()).toEqual(['starting', 'stopping', 'stopped'])
    expect(orchestrator.snapshot('a').error).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  it('interrupts a spawn as soon as there is a process', async () => {
    const { orchestrator, driver } = setUp()
    let spawned = () => {}
    driver.does.spawn = () => new Promise<void>(resolve => { spawned = resolve })
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    const stop = outcome(orchestrator.stop('a'))
    await settle()
    expect(stop.value).toBeUndefined()
    spawned()
    await settle()
    expect(wake.value).toBe('LLMUX_ERR_WAKE_FAILED')
    expect(stop.value).toBe(true)
    expect(driver.processes).toHaveLength(1)
    expect(driver.alive).toEqual([])
    expect(driver.calls).not.toContain('a probe')
  })

  it('interrupts a wake', async () => {
    const { orchestrator, driver } = await setUpAwake()
    await orchestrator.sleep('a')
    driver.does.wake = isDeaf
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    const stop = outcome(orchestrator.stop('a'))
    await settle()
    expect([wake.value, stop.value]).toEqual(['LLMUX_ERR_WAKE_FAILED', true])
    expect(driver.alive).toEqual([])
  })

  it('interrupts a sleep, which resolves all the same, and does not warn', async () => {
    const { orchestrator, driver, warnings, path } = await setUpAwake()
    driver.does.sleep = isDeaf
    const sleep = outcome(orchestrator.sleep('a'))
    await settle()
    const stop = outcome(orchestrator.stop('a'))
    await settle()
    expect([sleep.value, stop.value]).toEqual([true, true])
    expect(warnings).toEqual([])
    expect(path()).toEqual(['sleeping', 'stopping', 'stopped'])
    expect(orchestrator.snapshot('a').error).toBeUndefined()
  })

  it('takes back what was asked for before and has not begun', async () => {
    const { orchestrator, driver, path } = await setUpAwake()
    driver.does.sleep = isDeaf
    const asked = [orchestrator.sleep('a'), orchestrator.wake('a'), orchestrator.sleep('a', 2), orchestrator.stop('a')].map(outcome)
    await settle()
    expect(asked.map(({ value }) => value)).toEqual([true, 'LLMUX_ERR_WAKE_FAILED', true, true])
    expect(driver.processes).toHaveLength(1)
    expect(path()).toEqual(['stopping', 'stopped'])
  })

  it('does not take back what was asked for afterwards', async () => {
    const { orchestrator, driver, path } = await setUpAwake()
    await Promise.all([orchestrator.stop('a'), orchestrator.wake('a'), orchestrator.sleep('a')])
    expect(path()).toEqual(['stopping', 'stopped', 'starting', 'awake', 'sleeping', 'asleep'])
    expect(driver.processes).toHaveLength(2)
  })

  it('gives each wake after another stop a start of its own', async () => {
    const { orchestrator, driver, clock } = setUp()
    driver.does.probe = hangs
    const first = outcome(orchestrator.wake('a'))
    await settle()
    outcome(orchestrator.stop('a'))
    delete driver.does.probe
    const second = outcome(orchestrator.wake('a'))
    await pass(clock, 0)
    expect(first.value).toBe('LLMUX_ERR_WAKE_FAILED')
    expect(second.value).toBe(true)
    expect(driver.alive).toHaveLength(1)
  })

  it('is over when its group is, though the exit of its leader is told only when the next one runs', async () => {
    const { orchestrator, driver, lost } = await setUpAwake()
    const [first] = driver.processes
    first!.stamina = 'never ends'
    const stop = orchestrator.stop('a')
    await settle()
    first!.fade()
    await stop
    await orchestrator.wake('a')
    first!.loseLeader({ code: null, signal: 'SIGTERM' })
    await settle()
    expect(lost).toEqual([])
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'awake', pid: 101 })
  })

  it('is not taken for a death', async () => {
    const { orchestrator, driver, lost } = await setUpAwake()
    await orchestrator.stop('a')
    expect(driver.process.alive).toBe(false)
    expect(lost).toEqual([])
    expect(orchestrator.state('a')).toBe('stopped')
  })
})

describe('an engine that cannot be ended', () => {
  async function setUpStuck () {
    const setup = await setUpAwake()
    setup.driver.process.stamina = 'never ends'
    const stop = outcome(setup.orchestrator.stop('a'))
    await pass(setup.clock, 15_000)
    return { ...setup, stop }
  }

  it('is given 5 s after SIGKILL, then it holds its GPU, and the stop fails', async () => {
    const { orchestrator, driver, clock, path, changes } = await setUpAwake()
    driver.process.stamina = 'never ends'
    const stop = outcome(orchestrator.stop('a'))
    await pass(clock, 14_999)
    expect(stop.value).toBeUndefined()
    expect(orchestrator.holdsGpu('a')).toBe(false)
    await pass(clock, 1)
    expect(stop.value).toBe('LLMUX_ERR_STOP_FAILED')
    expect(stop.error!.message).toContain('process group 100')
    expect(orchestrator.holdsGpu('a')).toBe(true)
    expect(changes.at(-1)).toMatchObject({ to: 'failed', pid: 100, error: stop.error, reason: stop.error!.message })
    expect(path()).toEqual(['stopping', 'failed'])
    expect(orchestrator.snapshot('a')).toMatchObject({ pid: 100, error: stop.error })
  })

  it('does not hold its GPU any more as soon as it is seen gone', async () => {
    const { orchestrator, driver, clock, changes, freed } = await setUpStuck()
    await pass(clock, 60_000)
    expect(orchestrator.holdsGpu('a')).toBe(true)
    expect(freed).toEqual([])
    driver.process.vanish()
    await settle()
    expect(freed).toEqual(['stopped'])
    expect(orchestrator.holdsGpu('a')).toBe(false)
    expect(changes.at(-1)).toMatchObject({ from: 'failed', to: 'stopped', reason: expect.stringContaining('gone at last') })
    expect(orchestrator.snapshot('a').pid).toBeUndefined()
    expect(clock.pending).toBe(0)
    await orchestrator.wake('a')
    expect(orchestrator.state('a')).toBe('awake')
  })

  it('cannot be started, and the caller is told beforehand', async () => {
    const { orchestrator, driver } = await setUpStuck()
    driver.calls.length = 0
    await expect(orchestrator.prepare('a')).rejects.toMatchObject({ code: 'LLMUX_ERR_NOT_STARTABLE', message: expect.stringContaining('former processes') })
    expect(driver.calls).toEqual([])
  })

  it('is killed once more, without another SIGTERM, by the next wake, sleep or stop', async () => {
    const { orchestrator, driver, clock } = await setUpStuck()
    driver.process.signals.length = 0
    const asked = [orchestrator.wake('a'), orchestrator.sleep('a'), orchestrator.stop('a')].map(outcome)
    await pass(clock, 15_000)
    expect(asked.map(({ value }) => value)).toEqual(['LLMUX_ERR_WAKE_FAILED', 'LLMUX_ERR_STOP_FAILED', 'LLMUX_ERR_STOP_FAILED'])
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 5_000)
    expect(wake.value).toBe('LLMUX_ERR_STOP_FAILED')
    expect(driver.process.signals).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL'])
    expect(driver.processes).toHaveLength(1)
  })

  it('is put to sleep by killing it, whatever the level', async () => {
    const { orchestrator, driver, clock } = await setUpStuck()
    driver.process.stamina = 'ends on SIGKILL'
    driver.calls.length = 0
    const sleep = outcome(orchestrator.sleep('a', 1))
    await pass(clock, 0)
    expect(sleep.value).toBe(true)
    expect(driver.calls).toEqual(['a disconnect'])
    expect(orchestrator.holdsGpu('a')).toBe(false)
    expect(orchestrator.state('a')).toBe('stopped')
  })

  it('is started by the next wake if that can kill it', async () => {
    const { orchestrator, driver, clock, path } = await setUpStuck()
    driver.process.stamina = 'ends on SIGKILL'
    path()
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 2_000)
    expect(wake.value).toBe(true)
    expect(path()).toEqual(['starting', 'awake'])
    expect(driver.alive).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('is watched by one watcher only', async () => {
    const { orchestrator, driver, clock, path } = await setUpStuck()
    const again = outcome(orchestrator.stop('a'))
    await pass(clock, 15_000)
    expect(again.value).toBe('LLMUX_ERR_STOP_FAILED')
    path()
    expect(clock.pending).toBe(1)
    driver.process.vanish()
    await settle()
    expect(path()).toEqual(['stopped'])
  })

  it('blocks the other engines of its GPU, and only those', async () => {
    const { orchestrator, driver, clock } = setUp([
      makeModel('a', { gpus: [0, 1] }), makeModel('b', { gpus: [1] }), makeModel('c', { gpus: [2] })
    ])
    await orchestrator.wake('a')
    driver.process.stamina = 'never ends'
    outcome(orchestrator.stop('a'))
    await pass(clock, 15_000)
    await expect(orchestrator.wake('b')).rejects.toMatchObject({ code: 'LLMUX_ERR_GPU_BLOCKED', message: expect.stringMatching(/`b`.*`a`/) })
    await orchestrator.wake('c')
    expect(driver.alive).toHaveLength(2)
  })

  it.each([
    ['start', 'LLMUX_ERR_STOP_FAILED'],
    ['sleep', 'LLMUX_ERR_STOP_FAILED'],
    ['wake', 'LLMUX_ERR_STOP_FAILED']
  ])('makes a %s that failed reject with %s', async (step, code) => {
    const { orchestrator, driver, clock } = setUp([makeModel('a', { timeouts: { start: 1_000, sleep: 1_000, wake: 1_000 } })])
    driver.stamina = 'never ends'
    if (step === 'start') driver.does.probe = isDeaf
    const start = outcome(orchestrator.wake('a'))
    await pass(clock, 20_000)
    if (step === 'start') return expect(start.value).toBe(code)
    if (step === 'sleep') driver.does.sleep = isDeaf
    else driver.does.wake = isDeaf
    const sleep = outcome(orchestrator.sleep('a'))
    await pass(clock, 20_000)
    if (step === 'sleep') return expect(sleep.value).toBe(code)
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 20_000)
    expect(wake.value).toBe(code)
    expect(orchestrator.holdsGpu('a')).toBe(true)
  })
})
