import { describe, expect, it } from 'vitest'
import { hangs } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

async function setUpRunning (state: 'awake' | 'asleep') {
  const setup = setUp([makeModel('a'), makeModel('b'), makeModel('elsewhere', { gpus: [7] })])
  await setup.orchestrator.wake('a')
  if (state === 'asleep') await setup.orchestrator.sleep('a')
  setup.driver.calls.length = 0
  setup.changes.length = 0
  return setup
}

describe.each(['awake', 'asleep'] as const)('an engine that dies while it is %s', state => {
  it('is told at once, before anything else happens', async () => {
    const { orchestrator, driver, lost, changes } = await setUpRunning(state)
    driver.process.stamina = 'never ends'
    driver.process.lines = ['Segmentation fault']
    driver.process.loseLeader({ code: null, signal: 'SIGSEGV' })
    expect(lost).toMatchObject([{ id: 'a', state: 'failed', error: { code: 'LLMUX_ERR_PROCESS_DIED' } }])
    expect(lost[0]!.error.message).toBe('the process of model `a` died: signal SIGSEGV')
    expect(lost[0]!.error).toMatchObject({ lastLines: ['Segmentation fault'] })
    expect(driver.process.signals).toEqual([])
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'failed', error: lost[0]!.error, level: undefined, pid: 100 })
    expect(changes).toMatchObject([{ from: state, to: 'failed', pid: 100, error: lost[0]!.error, reason: lost[0]!.error.message }])
    await settle()
    expect(driver.process.signals).toEqual(['SIGKILL'])
  })

  it('lets answers that are on their way come to their end', async () => {
    const { driver } = await setUpRunning(state)
    driver.process.vanish()
    await settle()
    expect(driver.calls).toEqual(['a disconnect gently'])
  })

  it('stays failed when it is cleaned up, until somebody wants it', async () => {
    const { orchestrator, driver, clock, path, lost } = await setUpRunning(state)
    driver.process.stamina = 'ends on SIGKILL'
    driver.process.loseLeader()
    await settle()
    expect(orchestrator.snapshot('a')).toMatchObject({ state: 'failed', pid: undefined })
    expect(path()).toEqual(['failed'])
    await orchestrator.wake('a')
    expect(path()).toEqual(['starting', 'awake'])
    expect(orchestrator.snapshot('a')).toMatchObject({ pid: 101, error: undefined })
    expect(lost).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('is started only when nobody of it is left', async () => {
    const { orchestrator, driver, clock } = await setUpRunning(state)
    const [process] = driver.processes
    process!.stamina = 'never ends'
    process!.loseLeader()
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 4_000)
    expect(driver.processes).toHaveLength(1)
    process!.vanish()
    await settle()
    expect(wake.value).toBe(true)
    expect(driver.processes).toHaveLength(2)
  })

  it('keeps the others of its GPU waiting until nobody of it is left, and only those', async () => {
    const { orchestrator, driver, clock } = await setUpRunning(state)
    const [process] = driver.processes
    process!.stamina = 'never ends'
    process!.loseLeader()
    const neighbour = outcome(orchestrator.wake('b'))
    const stranger = outcome(orchestrator.wake('elsewhere'))
    await pass(clock, 4_000)
    expect([neighbour.value, stranger.value]).toEqual([undefined, true])
    process!.vanish()
    await settle()
    expect(neighbour.value).toBe(true)
  })

  it('blocks the others of its GPU when it cannot be cleaned up, with a warning', async () => {
    const { orchestrator, driver, clock, warnings } = await setUpRunning(state)
    driver.process.stamina = 'never ends'
    driver.process.loseLeader()
    const neighbour = outcome(orchestrator.wake('b'))
    await pass(clock, 5_000)
    expect(neighbour.value).toBe('LLMUX_ERR_GPU_BLOCKED')
    expect(warnings).toMatchObject([{ model: 'a', error: { code: 'LLMUX_ERR_STOP_FAILED' } }])
    expect(orchestrator.holdsGpu('a')).toBe(true)
    expect(driver.processes[0]!.signals).toEqual(['SIGKILL'])
  })

  it('a listener can wake it at once', async () => {
    const { orchestrator, driver, events, path } = await setUpRunning(state)
    let wake
    events.once('engine', () => { wake = outcome(orchestrator.wake('a')) })
    driver.process.vanish()
    await settle()
    expect(wake).toMatchObject({ value: true })
    expect(path()).toEqual(['failed', 'starting', 'awake'])
  })

  it('can die again', async () => {
    const { orchestrator, driver, lost } = await setUpRunning(state)
    driver.process.vanish()
    await orchestrator.wake('a')
    driver.process.vanish()
    expect(lost).toHaveLength(2)
    await orchestrator.wake('a')
    expect(driver.processes).toHaveLength(3)
  })

  it('is gone when a sleep or a stop asked for afterwards resolves', async () => {
    const { orchestrator, driver, clock } = await setUpRunning(state)
    driver.process.stamina = 'never ends'
    driver.process.loseLeader()
    const asked = [orchestrator.sleep('a'), orchestrator.stop('a')].map(outcome)
    await pass(clock, 1_000)
    expect(asked.map(({ value }) => value)).toEqual([undefined, undefined])
    driver.process.vanish()
    await settle()
    expect(asked.map(({ value }) => value)).toEqual([true, true])
    expect(orchestrator.state('a')).toBe('failed')
  })

  it('is prepared again when nobody of it is left', async () => {
    const { orchestrator, driver, clock } = await setUpRunning(state)
    driver.process.stamina = 'never ends'
    driver.process.loseLeader()
    driver.calls.length = 0
    const prepare = outcome(orchestrator.prepare('a'))
    await pass(clock, 1_000)
    expect(driver.calls).not.toContain('a prepare')
    driver.process.vanish()
    await settle()
    expect(prepare.value).toBe(true)
    expect(driver.calls).toContain('a prepare')
  })

  it('can be declared dead although it lives: it is killed, and started afresh', async () => {
    const { orchestrator, driver, lost } = await setUpRunning(state)
    const error = new Error('deaf')
    orchestrator.fail('a', error)
    expect(lost).toEqual([{ id: 'a', error, state: 'failed' }])
    await settle()
    expect(driver.process.signals).toEqual(['SIGKILL'])
    expect(driver.alive).toEqual([])
    expect(lost).toHaveLength(1)
    expect(orchestrator.snapshot('a').error).toBe(error)
    await orchestrator.wake('a')
    expect(orchestrator.state('a')).toBe('awake')
  })
})

describe('declaring an engine dead', () => {
  it('fails a start that is under way, with the reason given', async () => {
    const { orchestrator, driver, lost } = setUp()
    driver.does.probe = hangs
    const wake = outcome(orchestrator.wake('a'))
    await settle()
    const error = new Error('deaf')
    orchestrator.fail('a', error)
    await settle()
    expect(wake.error).toBe(error)
    expect(driver.process.signals).toEqual(['SIGKILL'])
    expect(lost).toEqual([])
  })

  it('changes nothing for an engine that does not run', async () => {
    const { orchestrator, lost, path } = setUp()
    orchestrator.fail('a', new Error('deaf'))
    expect(lost).toEqual([])
    expect(path()).toEqual([])
  })

  it('happens once', async () => {
    const { orchestrator, lost, driver } = await setUpRunning('awake')
    driver.process.stamina = 'never ends'
    orchestrator.fail('a', new Error('deaf'))
    orchestrator.fail('a', new Error('deaf again'))
    driver.process.loseLeader()
    expect(lost).toHaveLength(1)
  })
})

describe('listeners of an engine', () => {
  it('cannot stop it half-way by throwing', async () => {
    const { orchestrator, events } = setUp()
    const thrown: unknown[] = []
    const catchThrown = (error: unknown) => thrown.push(error)
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', catchThrown)
    try {
      const error = new Error('a listener\'s own')
      events.on('engine', () => { throw error })
      await orchestrator.wake('a')
      await settle()
      expect(orchestrator.state('a')).toBe('awake')
      expect(thrown).toEqual([error, error])
    } finally {
      process.off('uncaughtException', catchThrown)
      before.forEach(listener => process.on('uncaughtException', listener))
    }
  })
})
