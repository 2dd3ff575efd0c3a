import { describe, expect, it } from 'vitest'
import { NotStartableError } from '../../../lib/errors.ts'
import { fails, hangs, isDeaf } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

describe('preparing', () => {
  it('asks the driver, and passes on what it says', async () => {
    const { orchestrator, driver } = setUp()
    await orchestrator.prepare('a')
    expect(driver.calls).toEqual(['a prepare'])
    const error = new NotStartableError('a', 'port 1 is taken')
    driver.does.prepare = fails(error)
    await expect(orchestrator.prepare('a')).rejects.toBe(error)
    expect(orchestrator.state('a')).toBe('stopped')
  })

  it.each(['starting', 'awake', 'sleeping', 'asleep', 'waking'])('has nothing to check while an engine is %s', async state => {
    const { orchestrator, driver } = setUp()
    const failing = () => { driver.does.prepare = fails(new Error('must not be asked')) }
    if (state === 'starting') driver.does.probe = hangs
    if (state === 'sleeping') driver.does.sleep = hangs
    if (state === 'waking') driver.does.wake = hangs
    outcome(orchestrator.wake('a'))
    if (state !== 'starting' && state !== 'awake') outcome(orchestrator.sleep('a'))
    await settle()
    if (state === 'waking') outcome(orchestrator.wake('a'))
    await settle()
    expect(orchestrator.state('a')).toBe(state)
    failing()
    const prepare = outcome(orchestrator.prepare('a'))
    await settle()
    expect(prepare.value).toBe(true)
  })

  it('waits for a stop under way, and checks nothing if the engine runs again then', async () => {
    const { orchestrator, driver, clock } = setUp()
    await orchestrator.wake('a')
    driver.process.stamina = 'ends on SIGKILL'
    const asked = [orchestrator.stop('a'), orchestrator.wake('a')]
    await settle()
    const prepare = outcome(orchestrator.prepare('a'))
    await pass(clock, 9_000)
    expect(prepare.value).toBeUndefined()
    await pass(clock, 1_000)
    await Promise.all(asked)
    expect(prepare.value).toBe(true)
    expect(driver.calls).not.toContain('a prepare')
  })
})

describe('several engines', () => {
  it('are known by their ids', async () => {
    const { orchestrator } = setUp([makeModel('a'), makeModel('b', { gpus: [1] })])
    await orchestrator.wake('b')
    expect(orchestrator.state('a')).toBe('stopped')
    expect(orchestrator.state('b')).toBe('awake')
    expect(orchestrator.endpoint('b').origin).toBe('http://b')
  })

  it('do not know a model that is none of theirs', async () => {
    const { orchestrator } = setUp()
    const unknown = { code: 'LLMUX_ERR_MODEL_NOT_FOUND' }
    await expect(orchestrator.prepare('x')).rejects.toMatchObject(unknown)
    await expect(orchestrator.wake('x')).rejects.toMatchObject(unknown)
    await expect(orchestrator.sleep('x')).rejects.toMatchObject(unknown)
    await expect(orchestrator.stop('x')).rejects.toMatchObject(unknown)
    expect(() => orchestrator.state('x')).toThrow(expect.objectContaining(unknown))
    expect(() => orchestrator.endpoint('x')).toThrow(expect.objectContaining(unknown))
    expect(() => orchestrator.fail('x', new Error())).toThrow(expect.objectContaining(unknown))
  })

  it('do not wait for each other', async () => {
    const { orchestrator, driver } = setUp([makeModel('a'), makeModel('b')])
    await orchestrator.wake('b')
    driver.does.probe = hangs
    outcome(orchestrator.wake('a'))
    await settle()
    await orchestrator.sleep('b')
    expect(orchestrator.state('b')).toBe('asleep')
  })

  it('show what they said last, also after their end', async () => {
    const { orchestrator, driver, clock } = setUp()
    await pass(clock, 7)
    await orchestrator.wake('a')
    driver.process.lines = Array.from({ length: 30 }, (_, index) => `line ${index}`)
    expect(orchestrator.snapshot('a')).toEqual({ state: 'awake', level: undefined, pid: 100, since: 1_000_007, error: undefined, failures: 0, retryAt: undefined, holdsGpu: false, loadedAdapters: [], lastLines: driver.process.lines.slice(10) })
    expect(orchestrator.lastLines('a', 25)).toHaveLength(25)
    await orchestrator.stop('a')
    expect(orchestrator.lastLines('a', 1)).toEqual(['line 29'])
  })
})

describe('closing', () => {
  it('ends all engines at the same time, then lets the driver tidy up', async () => {
    const { orchestrator, driver, clock, changes } = setUp([makeModel('a'), makeModel('b'), makeModel('c')])
    await orchestrator.wake('a')
    await orchestrator.wake('b')
    await orchestrator.sleep('b')
    driver.processes.forEach(process => { process.stamina = 'ends on SIGKILL' })
    const close = outcome(orchestrator.close())
    await pass(clock, 9_999)
    expect(driver.processes.map(({ signals }) => signals)).toEqual([['SIGTERM'], ['SIGTERM']])
    expect(driver.closed).toBe(false)
    await pass(clock, 1)
    expect(close.value).toBe(true)
    expect(driver.alive).toEqual([])
    expect(driver.closed).toBe(true)
    expect(changes.at(-1)).toMatchObject({ to: 'stopped', reason: 'closing' })
    expect(clock.pending).toBe(0)
  })

  it.each(['probe', 'sleep', 'wake', 'reload'] as const)('interrupts a %s that hangs', async step => {
    const { orchestrator, driver, clock } = setUp()
    driver.does[step] = isDeaf
    const asked = [orchestrator.wake('a'), orchestrator.sleep('a', 2), orchestrator.wake('a')].map(outcome)
    if (step === 'wake') await orchestrator.sleep('a', 1).then(() => asked.push(outcome(orchestrator.wake('a'))))
    await settle()
    const close = outcome(orchestrator.close())
    await pass(clock, 0)
    expect(close.value).toBe(true)
    expect(driver.alive).toEqual([])
    expect(asked.every(({ value }) => value === true || value === 'LLMUX_ERR_CLOSING')).toBe(true)
    expect(asked.some(({ value }) => value === 'LLMUX_ERR_CLOSING')).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('starts nothing any more', async () => {
    const { orchestrator, driver } = setUp()
    const close = orchestrator.close()
    await expect(orchestrator.wake('a')).rejects.toMatchObject({ code: 'LLMUX_ERR_CLOSING' })
    await expect(orchestrator.prepare('a')).rejects.toMatchObject({ code: 'LLMUX_ERR_CLOSING' })
    await close
    await expect(orchestrator.wake('a')).rejects.toMatchObject({ code: 'LLMUX_ERR_CLOSING' })
    expect(driver.calls).toEqual([])
  })

  it('starts nothing that was still waiting for the remains of another engine', async () => {
    const { orchestrator, driver, clock } = setUp([makeModel('a'), makeModel('b')])
    await orchestrator.wake('a')
    driver.process.stamina = 'never ends'
    driver.process.loseLeader()
    const wake = outcome(orchestrator.wake('b'))
    await settle()
    const close = outcome(orchestrator.close())
    driver.process.vanish()
    await pass(clock, 0)
    expect(close.value).toBe(true)
    expect(wake.value).toBe('LLMUX_ERR_CLOSING')
    expect(driver.processes).toHaveLength(1)
  })

  it('happens once, however often it is asked for', async () => {
    const { orchestrator, driver } = setUp()
    await orchestrator.wake('a')
    const closing = orchestrator.close()
    expect(orchestrator.close()).toBe(closing)
    await closing
    expect(driver.process.signals).toEqual(['SIGTERM'])
  })

  it('says which engine cannot be ended, after all others are', async () => {
    const { orchestrator, driver, clock } = setUp([makeModel('a'), makeModel('b')])
    await orchestrator.wake('a')
    driver.process.stamina = 'never ends'
    await orchestrator.wake('b')
    const close = outcome(orchestrator.close())
    await pass(clock, 15_000)
    expect(close.value).toBe('LLMUX_ERR_STOP_FAILED')
    expect(close.error!.message).toContain('`a`')
    expect(driver.alive).toHaveLength(1)
    expect(driver.closed).toBe(true)
    await pass(clock, 1_000)
    expect(clock.pending).toBe(0)
  })

  it('says of all that cannot be ended', async () => {
    const { orchestrator, driver, clock } = setUp([makeModel('a'), makeModel('b')])
    driver.stamina = 'never ends'
    await orchestrator.wake('a')
    await orchestrator.wake('b')
    const close = outcome(orchestrator.close())
    await pass(clock, 15_000)
    expect(close.error).toBeInstanceOf(AggregateError)
    expect((close.error as AggregateError).errors).toMatchObject([{ code: 'LLMUX_ERR_STOP_FAILED' }, { code: 'LLMUX_ERR_STOP_FAILED' }])
    expect(close.error!.message).toContain('cannot be ended')
  })
})
