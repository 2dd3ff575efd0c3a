import { describe, expect, it } from 'vitest'
import { SleepError, SpawnError, WakeError } from '../../../lib/errors.ts'
import { fails, hangs, isDeaf } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

async function setUpAwake (changes: Parameters<typeof makeModel>[1] = {}) {
  const setup = setUp([makeModel('a', changes)])
  await setup.orchestrator.wake('a')
  setup.driver.calls.length = 0
  setup.changes.length = 0
  return setup
}

async function setUpAsleep (level: 1 | 2 = 1, changes: Parameters<typeof makeModel>[1] = {}) {
  const setup = await setUpAwake(changes)
  await setup.orchestrator.sleep('a', level)
  setup.driver.calls.length = 0
  setup.changes.length = 0
  return setup
}

describe('putting an engine to sleep', () => {
  it.each([1, 2] as const)('goes by the model\'s own level, here %i', async sleepLevel => {
    const { orchestrator, driver, changes } = await setUpAwake({ sleepLevel })
    await orchestrator.sleep('a')
    expect(driver.calls).toEqual([`a sleep ${sleepLevel}`])
    expect(changes).toMatchObject([
      { from: 'awake', to: 'sleeping', level: sleepLevel, pid: 100, reason: 'sleep requested' },
      { from: 'sleeping', to: 'asleep', level: sleepLevel, pid: 100, reason: 'sleep requested' }
    ])
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'asleep', level: sleepLevel, pid: 100 })
  })

  it('goes by the level asked for', async () => {
    const { orchestrator, driver } = await setUpAwake({ sleepLevel: 1 })
    await orchestrator.sleep('a', 2)
    expect(driver.calls).toEqual(['a sleep 2'])
  })

  it('resolves only when the engine has answered', async () => {
    const { orchestrator, driver } = await setUpAwake()
    let answer = () => {}
    driver.does.sleep = () => new Promise<void>(resolve => { answer = resolve })
    const sleep = outcome(orchestrator.sleep('a'))
    await settle()
    expect(sleep.value).toBeUndefined()
    expect(orchestrator.state('a')).toBe('sleeping')
    answer()
    await settle()
    expect(sleep.value).toBe(true)
  })

  it('ends the group at level 3', async () => {
    const { orchestrator, driver, path, changes } = await setUpAwake({ sleepLevel: 3 })
    await orchestrator.sleep('a')
    expect(changes.map(change => change.reason)).toEqual(['sleep requested at level 3', 'sleep requested at level 3'])
    expect(path()).toEqual(['stopping', 'stopped'])
    expect(driver.calls).toEqual(['a disconnect'])
    expect(driver.alive).toEqual([])
  })

  it('ends the group where the engine was started without sleep mode, and would free nothing', async () => {
    const { orchestrator, driver } = await setUpAwake({ sleepMode: false })
    await orchestrator.sleep('a', 1)
    expect(driver.alive).toEqual([])
    expect(orchestrator.state('a')).toBe('stopped')
  })

  it('keeps the levels where sleep is simulated', async () => {
    const { orchestrator, driver } = await setUpAwake({ sleepMode: 'simulated' })
    await orchestrator.sleep('a')
    expect(driver.calls).toEqual(['a sleep 1'])
  })

  it.each([1, 2] as const)('does nothing to a sleeper, also when level %i is asked for', async level => {
    const { orchestrator, driver, path } = await setUpAsleep()
    await orchestrator.sleep('a', level)
    expect(driver.calls).toEqual([])
    expect(path()).toEqual([])
    expect(orchestrator.snapshot('a').level).toBe(1)
  })

  it('ends a sleeper at level 3', async () => {
    const { orchestrator, driver } = await setUpAsleep()
    await orchestrator.sleep('a', 3)
    expect(orchestrator.state('a')).toBe('stopped')
    expect(driver.alive).toEqual([])
  })

  it.each([1, 2, 3] as const)('does nothing at level %i to an engine that does not run', async level => {
    const { orchestrator, driver, path } = setUp()
    await orchestrator.sleep('a', level)
    expect(driver.calls).toEqual([])
    expect(path()).toEqual([])
  })

  it('waits for a start that is under way', async () => {
    const { orchestrator, driver, clock, path } = setUp()
    let healthy = false
    driver.does.probe = async () => healthy
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 100)
    const sleep = outcome(orchestrator.sleep('a'))
    await pass(clock, 100)
    expect(sleep.value).toBeUndefined()
    healthy = true
    await pass(clock, 50)
    expect([wake.value, sleep.value]).toEqual([true, true])
    expect(path()).toEqual(['starting', 'awake', 'sleeping', 'asleep'])
  })
})

describe('a sleep that fails', () => {
  const error = new SleepError('a', 'POST /sleep answered 500')

  it('ends the group and resolves, because the memory is free then; a warning tells', async () => {
    const { orchestrator, driver, clock, warnings, changes } = await setUpAwake()
    driver.does.sleep = fails(error)
    const sleep = outcome(orchestrator.sleep('a').finally(() => expect(driver.alive).toEqual([])))
    await pass(clock, 100)
    expect(sleep.value).toBe(true)
    expect(driver.process.signals).toEqual(['SIGTERM'])
    expect(driver.calls).toEqual(['a sleep 1', 'a disconnect'])
    expect(warnings).toMatchObject([{ model: 'a', error }])
    expect(changes).toMatchObject([{ to: 'sleeping' }, { to: 'stopping', error, reason: error.message, pid: 100 }, { to: 'failed', error, reason: error.message }])
    expect(clock.pending).toBe(0)
  })

  it('is over at its time limit', async () => {
    const { orchestrator, driver, clock, warnings } = await setUpAwake()
    driver.does.sleep = isDeaf
    const sleep = outcome(orchestrator.sleep('a'))
    await pass(clock, 119_999)
    expect(sleep.value).toBeUndefined()
    expect(orchestrator.state('a')).toBe('sleeping')
    await pass(clock, 1)
    expect(sleep.value).toBe(true)
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_SLEEP_TIMEOUT', message: 'the engine of model `a` did not go to sleep within 120000 ms' } }])
    expect(driver.alive).toEqual([])
  })

  it('is started afresh by the next wake', async () => {
    const { orchestrator, driver, clock } = await setUpAwake()
    driver.does.sleep = fails(error)
    outcome(orchestrator.sleep('a'))
    await pass(clock, 100)
    await orchestrator.wake('a')
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'awake', pid: 101, error: undefined })
  })

  it('is seen at once when the process dies, and its death is told', async () => {
    const { orchestrator, driver, warnings, lost } = await setUpAwake()
    driver.does.sleep = hangs
    driver.stamina = 'ends on SIGKILL'
    const sleep = outcome(orchestrator.sleep('a'))
    await settle()
    driver.process.vanish({ code: 0, signal: null })
    await settle()
    expect(sleep.value).toBe(true)
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_PROCESS_DIED' } }])
    expect(lost).toEqual([])
    expect(orchestrator.state('a')).toBe('failed')
  })

  it('names the exit of the process rather than the connection that broke before it was known', async () => {
    const { orchestrator, driver, clock, warnings } = await setUpAwake()
    driver.does.sleep = fails(error)
    outcome(orchestrator.sleep('a'))
    await pass(clock, 40)
    driver.process.loseLeader({ code: 137, signal: null })
    await pass(clock, 0)
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_PROCESS_DIED', message: expect.stringContaining('exit code 137') } }])
    expect(driver.process.signals).toEqual(['SIGKILL'])
  })
})

describe('waking a sleeper', () => {
  it('is one call from level 1', async () => {
    const { orchestrator, driver, changes } = await setUpAsleep(1)
    await orchestrator.wake('a')
    expect(driver.calls).toEqual(['a wake'])
    expect(changes).toMatchObject([
      { from: 'asleep', to: 'waking', pid: 100, reason: 'wanted' },
      { from: 'waking', to: 'awake', pid: 100, reason: 'woken' }
    ])
    expect(orchestrator.snapshot('a').level).toBeUndefined()
  })

  it('is the whole sequence from level 2', async () => {
    const { orchestrator, driver, path } = await setUpAsleep(2)
    await orchestrator.wake('a')
    expect(driver.calls).toEqual(['a wake weights', 'a reload', 'a wake kv_cache', 'a resetPrefixCache'])
    expect(path()).toEqual(['waking', 'awake'])
  })

  it('happens once, however many want it', async () => {
    const { orchestrator, driver } = await setUpAsleep(1)
    await Promise.all([orchestrator.wake('a'), orchestrator.wake('a')])
    expect(driver.calls).toEqual(['a wake'])
  })

  it('goes on without a prefix cache that cannot be reset, and warns', async () => {
    const { orchestrator, driver, warnings } = await setUpAsleep(2)
    const error = new WakeError('a', 'POST /reset_prefix_cache answered 500')
    driver.does.resetPrefixCache = fails(error)
    await orchestrator.wake('a')
    expect(orchestrator.state('a')).toBe('awake')
    expect(warnings).toMatchObject([{ error }])
  })

  it('goes on after the time limit of the prefix cache, and warns', async () => {
    const { orchestrator, driver, clock, warnings } = await setUpAsleep(2)
    driver.does.resetPrefixCache = isDeaf
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 29_999)
    expect(wake.value).toBeUndefined()
    await pass(clock, 1)
    expect(wake.value).toBe(true)
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_RESET_PREFIX_CACHE_TIMEOUT', message: expect.stringContaining('30000 ms') } }])
  })

  it('does not take an engine for awake that dies while its prefix cache is reset', async () => {
    const { orchestrator, driver, warnings, path } = await setUpAsleep(2)
    driver.does.resetPrefixCache = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    driver.process.vanish()
    await settle()
    expect(wake.value).toBe(true)
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_PROCESS_DIED' } }])
    expect(path()).toEqual(['waking', 'stopping', 'starting', 'awake'])
  })

  it('sleeps at the new level afterwards', async () => {
    const { orchestrator, driver } = await setUpAsleep(1)
    await orchestrator.wake('a')
    await orchestrator.sleep('a', 2)
    driver.calls.length = 0
    await orchestrator.wake('a')
    expect(driver.calls).toContain('a reload')
  })
})

describe('a wake that fails', () => {
  const error = new WakeError('a', 'out of memory')

  it.each([
    ['wake', 1], ['wake weights', 2], ['reload', 2], ['wake kv_cache', 2]
  ] as const)('in its step %s from level %i ends the group at once, and the engine is started afresh', async (step, level) => {
    const { orchestrator, driver, clock, path, warnings } = await setUpAsleep(level)
    driver.does[step] = fails(error)
    driver.does.spawn = async () => expect(driver.alive).toEqual([])
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 200)
    expect(wake.value).toBe(true)
    expect(path()).toEqual(['waking', 'stopping', 'starting', 'awake'])
    expect(driver.calls.filter(call => call === `a ${step}`), 'vLLM does not recover from it').toHaveLength(1)
    expect(driver.processes[0]!.signals).toEqual(['SIGTERM'])
    expect(warnings).toMatchObject([{ error }])
    expect(orchestrator.snapshot('a')).toMatchObject({ pid: 101, failures: 0, error: undefined })
    expect(clock.pending).toBe(0)
  })

  it.each([
    ['wake', 1, 110_000, 'LLMUX_ERR_WAKE_TIMEOUT'],
    ['wake weights', 2, 110_000, 'LLMUX_ERR_WAKE_TIMEOUT'],
    ['reload', 2, 60_000, 'LLMUX_ERR_RELOAD_TIMEOUT'],
    ['wake kv_cache', 2, 110_000, 'LLMUX_ERR_WAKE_TIMEOUT']
  ] as const)('because its step %s from level %i takes more than %i ms is not waited for any longer', async (step, level, limit, code) => {
    const { orchestrator, driver, clock, path, warnings } = await setUpAsleep(level)
    driver.does[step] = isDeaf
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, limit - 1)
    expect(orchestrator.state('a')).toBe('waking')
    await pass(clock, 51)
    expect(wake.value).toBe(true)
    expect(warnings).toMatchObject([{ error: { code, message: expect.stringContaining(`within ${limit} ms`) } }])
    expect(path()).toEqual(['waking', 'stopping', 'starting', 'awake'])
    expect(driver.processes[0]!.signals).toEqual(['SIGTERM'])
    expect(clock.pending).toBe(0)
  })

  it('because the process dies leads to a fresh start at once', async () => {
    const { orchestrator, driver, lost, warnings, path } = await setUpAsleep(1)
    driver.does.wake = isDeaf
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    driver.process.vanish({ code: 1, signal: null })
    await settle()
    expect(wake.value).toBe(true)
    expect(path()).toEqual(['waking', 'stopping', 'starting', 'awake'])
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_PROCESS_DIED' } }])
    expect(lost).toEqual([])
  })

  it('in its warm-up is one that failed', async () => {
    const { orchestrator, driver, clock, path } = await setUpAsleep(1, { warmup: true })
    driver.does.warmUp = async () => { if (driver.processes.length === 1) throw error }
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 200)
    expect(wake.value).toBe(true)
    expect(path()).toEqual(['waking', 'stopping', 'starting', 'awake'])
  })

  it('is the start\'s failure if that fails too', async () => {
    const { orchestrator, driver, clock, path } = await setUpAsleep(1)
    const last = new SpawnError('a', 'no such file')
    driver.does.wake = fails(error)
    driver.does.spawn = fails(last)
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 200)
    expect(wake.error).toBe(last)
    expect(path()).toEqual(['waking', 'stopping', 'starting', 'failed'])
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'failed', error: last, failures: 1, pid: undefined })
  })

  it('does not start anything beside what cannot be ended', async () => {
    const { orchestrator, driver, clock, path } = await setUpAsleep(1)
    driver.process.stamina = 'never ends'
    driver.does.wake = fails(error)
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 20_000)
    expect(wake.value).toBe('LLMUX_ERR_STOP_FAILED')
    expect(driver.processes).toHaveLength(1)
    expect(orchestrator.holdsGpu('a')).toBe(true)
    expect(path()).toEqual(['waking', 'stopping', 'failed'])
  })

  it.each(['the wake', 'the start after it'])('is stopped like any other, here in %s', async when => {
    const { orchestrator, driver, clock, path } = await setUpAsleep(1)
    driver.does.wake = signal => when === 'the wake' ? hangs(signal) : Promise.reject(error)
    driver.does.probe = async () => driver.processes.length === 1
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 200)
    expect(orchestrator.state('a')).toBe(when === 'the wake' ? 'waking' : 'starting')
    await orchestrator.stop('a')
    expect(wake.value).toBe('LLMUX_ERR_WAKE_FAILED')
    expect(driver.alive).toEqual([])
    expect(path().at(-1)).toBe('stopped')
    expect(orchestrator.snapshot('a').failures).toBe(0)
    expect(clock.pending).toBe(0)
  })
})
