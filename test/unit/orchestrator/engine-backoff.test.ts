import { describe, expect, it } from 'vitest'
import { NotStartableError, SpawnError, WakeError } from '../../../lib/errors.ts'
import type { LlmuxError } from '../../../lib/errors.ts'
import { fails, hangs } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

const noSuchFile = () => new SpawnError('a', 'no such file')

/** `a` has just failed to start so often; without chance a pause has its full length. */
async function setUpFailed (times = 1, random = () => 0) {
  const setup = setUp([makeModel('a'), makeModel('b')], { random })
  const { orchestrator, driver } = setup
  driver.does.spawn = async () => { throw noSuchFile() }
  for (let round = 0; round < times; round++) await fail()
  async function fail () {
    await expect(orchestrator.wake('a', { force: true })).rejects.toMatchObject({ code: 'LLMUX_ERR_SPAWN_FAILED' })
  }
  driver.calls.length = 0
  setup.changes.length = 0
  return { ...setup, fail }
}

/** How long after a failure nothing is tried, in milliseconds. */
async function pauseOf ({ orchestrator, clock }: Awaited<ReturnType<typeof setUpFailed>>): Promise<number> {
  return orchestrator.snapshot('a').retryAt! - clock.now()
}

describe('after a start that failed', () => {
  it('nothing is spawned for a while: callers learn at once what went wrong, and when to come back', async () => {
    const { orchestrator, driver, clock, changes } = await setUpFailed(3)
    await pass(clock, 500)
    for (const ask of [() => orchestrator.wake('a'), () => orchestrator.prepare('a')]) {
      const error = await ask().catch(error => error) as LlmuxError
      expect(error).toBeInstanceOf(SpawnError)
      expect(error).toMatchObject({ code: 'LLMUX_ERR_SPAWN_FAILED', statusCode: 503, message: noSuchFile().message, retryAfter: 4 })
    }
    expect(driver.calls).toEqual([])
    expect(changes).toEqual([])
    expect(orchestrator.state('a')).toBe('failed')
  })

  it('such callers do not get the steps of the failed start', async () => {
    const { orchestrator } = await setUpFailed()
    expect(orchestrator.steps('a')).toHaveProperty('start')
    await expect(orchestrator.wake('a')).rejects.toMatchObject({ code: 'LLMUX_ERR_SPAWN_FAILED' })
    expect(orchestrator.steps('a')).toEqual({})
  })

  it('the one who saw it fail is told when to come back, too', async () => {
    const { orchestrator, clock } = await setUpFailed(2)
    await pass(clock, 2_000)
    await expect(orchestrator.wake('a')).rejects.toMatchObject({ code: 'LLMUX_ERR_SPAWN_FAILED', retryAfter: 4 })
  })

  it('each is told the time that is left then', async () => {
    const { orchestrator, clock } = await setUpFailed(4)
    const first = await orchestrator.wake('a').catch(error => error)
    await pass(clock, 5_500)
    const second = await orchestrator.wake('a').catch(error => error)
    expect([first.retryAfter, second.retryAfter]).toEqual([8, 3])
  })

  it('the pauses double from one second to one minute', async () => {
    const setup = await setUpFailed(0)
    const pauses = []
    for (let round = 0; round < 9; round++) {
      await setup.fail()
      pauses.push(await pauseOf(setup))
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
    expect(setup.orchestrator.snapshot('a').failures).toBe(9)
  })

  it('chance makes them shorter, by a quarter at most', async () => {
    const numbers = [0.5, 0.999]
    const setup = await setUpFailed(1, () => numbers.shift()!)
    expect(await pauseOf(setup)).toBe(875)
    await setup.fail()
    expect(await pauseOf(setup)).toBeCloseTo(1_500, -1)
  })

  it('the end of the pause allows another try', async () => {
    const { orchestrator, driver, clock } = await setUpFailed(3)
    await pass(clock, 3_999)
    await expect(orchestrator.wake('a')).rejects.toThrow('no such file')
    delete driver.does.spawn
    await pass(clock, 1)
    await orchestrator.prepare('a')
    await orchestrator.wake('a')
    expect(orchestrator.state('a')).toBe('awake')
  })

  it('force tries at once', async () => {
    const { orchestrator, driver } = await setUpFailed(3)
    delete driver.does.spawn
    await orchestrator.prepare('a', { force: true })
    await orchestrator.wake('a', { force: true })
    expect(orchestrator.state('a')).toBe('awake')
  })

  it('a success makes all forgotten', async () => {
    const { orchestrator, driver, fail } = await setUpFailed(5)
    delete driver.does.spawn
    await orchestrator.wake('a', { force: true })
    expect(orchestrator.snapshot('a')).toMatchObject({ failures: 0, retryAt: undefined })
    await orchestrator.stop('a')
    await orchestrator.wake('a')
    await orchestrator.stop('a')
    driver.does.spawn = async () => { throw noSuchFile() }
    await fail()
    expect(orchestrator.snapshot('a').failures).toBe(1)
  })

  it('others start as before', async () => {
    const { orchestrator, driver } = await setUpFailed(3)
    delete driver.does.spawn
    await orchestrator.wake('b')
    expect(orchestrator.snapshot('b')).toMatchObject({ state: 'awake', failures: 0 })
  })

  it('the status tells how often it failed and when it is tried again, as long as it is not', async () => {
    const { orchestrator, clock } = await setUpFailed(2)
    expect(orchestrator.snapshot('a')).toMatchObject({ failures: 2, retryAt: clock.now() + 2_000 })
    await pass(clock, 2_000)
    expect(orchestrator.snapshot('a')).toMatchObject({ failures: 2, retryAt: undefined })
  })
})

describe('no pause follows', () => {
  it('a start that was stopped', async () => {
    const { orchestrator, driver } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    await orchestrator.stop('a')
    expect(wake.value).toBe('LLMUX_ERR_WAKE_FAILED')
    expect(orchestrator.snapshot('a').failures).toBe(0)
  })

  it('a check that found it cannot be started, since the next one may find otherwise', async () => {
    const { orchestrator, driver } = setUp()
    driver.does.prepare = fails(new NotStartableError('a', 'port 80 is taken'))
    await expect(orchestrator.prepare('a')).rejects.toMatchObject({ code: 'LLMUX_ERR_NOT_STARTABLE' })
    expect(orchestrator.snapshot('a').failures).toBe(0)
  })

  it('the death of an engine that was awake', async () => {
    const { orchestrator, driver } = setUp()
    await orchestrator.wake('a')
    driver.process.vanish()
    await settle()
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'failed', failures: 0 })
    await orchestrator.wake('a')
  })

  it('a wake that failed, if the start after it does not; but if it does', async () => {
    const { orchestrator, driver, clock } = setUp()
    await orchestrator.wake('a')
    await orchestrator.sleep('a')
    driver.does.wake = fails(new WakeError('a', 'out of memory'))
    const first = outcome(orchestrator.wake('a'))
    await pass(clock, 200)
    expect(first.value).toBe(true)
    expect(orchestrator.snapshot('a').failures).toBe(0)
    await orchestrator.sleep('a')
    driver.does.spawn = async () => { throw noSuchFile() }
    const second = outcome(orchestrator.wake('a'))
    await pass(clock, 200)
    expect(second.value).toBe('LLMUX_ERR_SPAWN_FAILED')
    expect(orchestrator.snapshot('a').failures).toBe(1)
  })
})
