import { describe, expect, it } from 'vitest'
import { hangs, isDeaf } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp } from './helper.ts'

/** `a` sleeps, or goes to sleep; the call has no answer, and `/health` says what `healthy` says. */
async function setUpDuring (what: 'sleep' | 'wake' | 'reload' | 'warmUp') {
  const setup = setUp([makeModel('a', { warmup: what === 'warmUp', sleepLevel: what === 'reload' ? 2 : 1 })])
  const { orchestrator, driver, clock, path } = setup
  await orchestrator.wake('a')
  if (what !== 'sleep') await orchestrator.sleep('a')
  driver.does[what] = async signal => { if (driver.processes.length === 1) await isDeaf(signal) }
  const health = { answers: [] as Array<boolean | 'no answer'>, last: true as boolean, probes: 0 }
  driver.does.probe = async signal => {
    health.probes++
    if (driver.processes.length > 1) return true
    const answer = health.answers.shift() ?? health.last
    return answer === 'no answer' ? await hangs(signal) : answer
  }
  path()
  const asked = outcome(what === 'sleep' ? orchestrator.sleep('a') : orchestrator.wake('a'))
  await pass(clock, 0)
  return { ...setup, health, asked }
}

describe('an engine whose core dies during a control call', () => {
  it.each(['wake', 'reload', 'warmUp'] as const)('is seen to be dead within seconds, and started afresh: %s', async what => {
    const { driver, clock, asked, health, path, warnings } = await setUpDuring(what)
    await pass(clock, 5_000)
    expect(asked.value).toBeUndefined()
    health.last = false
    await pass(clock, 2_000)
    expect(asked.value).toBe(true)
    expect(path()).toEqual(['waking', 'stopping', 'starting', 'awake'])
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_PROCESS_DIED', message: expect.stringContaining('not healthy') } }])
    expect(driver.processes[0]!.signals).toEqual(['SIGKILL'])
    expect(clock.pending).toBe(0)
  })

  it('is ended when it was to go to sleep', async () => {
    const { driver, clock, asked, health, path } = await setUpDuring('sleep')
    health.last = false
    await pass(clock, 2_000)
    expect(asked.value).toBe(true)
    expect(path()).toEqual(['sleeping', 'stopping', 'failed'])
    expect(driver.alive).toEqual([])
    expect(driver.process.signals).toEqual(['SIGKILL'])
    expect(clock.pending).toBe(0)
  })

  it('is not taken for dead because one answer is missing, nor for its silence, which a busy one keeps too', async () => {
    const { orchestrator, clock, asked, health } = await setUpDuring('wake')
    health.answers = [true, false, true, 'no answer', false, 'no answer', false, true]
    await pass(clock, 30_000)
    expect(health.answers).toEqual([])
    expect(asked.value).toBeUndefined()
    expect(orchestrator.state('a')).toBe('waking')
  })

  it('is not asked during a call as short as most are', async () => {
    const { orchestrator, driver, clock } = setUp()
    await orchestrator.wake('a')
    driver.calls.length = 0
    driver.does.sleep = () => new Promise<void>(resolve => { clock.setTimeout(resolve, 400) })
    const sleep = outcome(orchestrator.sleep('a'))
    await pass(clock, 10_000)
    expect(sleep.value).toBe(true)
    expect(driver.calls).toEqual(['a sleep 1'])
  })
})
