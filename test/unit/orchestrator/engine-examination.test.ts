import { describe, expect, it } from 'vitest'
import { isDeaf } from './fake-driver.ts'
import { outcome, pass, setUp, settle } from './helper.ts'

async function setUpAwake () {
  const setup = setUp()
  await setup.orchestrator.wake('a')
  setup.driver.calls.length = 0
  return setup
}

describe('examining an engine that seems dead', () => {
  it('finds one that is healthy alive, and leaves it alone', async () => {
    const { orchestrator, driver, lost } = await setUpAwake()
    expect(await orchestrator.examine('a', 'it broke off an answer')).toBe(true)
    expect(driver.calls).toEqual(['a probe'])
    expect(lost).toEqual([])
    expect(orchestrator.state('a')).toBe('awake')
  })

  it('treats one that is not healthy as dead, long before its process ends', async () => {
    const { orchestrator, driver, lost } = await setUpAwake()
    driver.does.probe = async () => false
    driver.process.lines = ['EngineCore failed']
    expect(await orchestrator.examine('a', 'it broke off an answer')).toBe(false)
    expect(lost).toMatchObject([{ id: 'a', error: { code: 'LLMUX_ERR_PROCESS_DIED' } }])
    expect(lost[0]!.error.message).toMatch(/it broke off an answer, and it is not healthy$/)
    expect(lost[0]!.error).toMatchObject({ lastLines: ['EngineCore failed'] })
    await settle()
    expect(driver.process.signals).toEqual(['SIGKILL'])
  })

  it('takes no answer in time for a no', async () => {
    const { orchestrator, driver, clock, lost } = await setUpAwake()
    driver.does.probe = isDeaf
    const alive: boolean[] = []
    orchestrator.examine('a', 'it is silent').then(value => alive.push(value))
    await pass(clock, 4_999)
    expect(alive).toEqual([])
    await pass(clock, 1)
    expect(alive).toEqual([false])
    expect(lost).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('says no when it dies meanwhile, and tells of it once', async () => {
    const { orchestrator, driver, lost } = await setUpAwake()
    driver.does.probe = isDeaf
    const alive: boolean[] = []
    orchestrator.examine('a', 'it is silent').then(value => alive.push(value))
    await settle()
    driver.process.vanish()
    await settle()
    expect(alive).toEqual([false])
    expect(lost).toHaveLength(1)
    expect(lost[0]!.error.message).toContain('exit code 1')
  })

  it('says no when it dies just after it said that it is healthy', async () => {
    const { orchestrator, driver } = await setUpAwake()
    driver.does.probe = async () => { driver.process.vanish() }
    expect(await orchestrator.examine('a', 'it is silent')).toBe(false)
  })

  it('fails the sleep that has begun meanwhile, for the reason found', async () => {
    const { orchestrator, driver, lost, warnings } = await setUpAwake()
    driver.does.probe = () => new Promise(resolve => setImmediate(() => resolve(false)))
    driver.does.sleep = isDeaf
    const examination = orchestrator.examine('a', 'it broke off an answer')
    const sleep = outcome(orchestrator.sleep('a'))
    expect(await examination).toBe(false)
    driver.process.fade()
    await settle()
    expect(sleep.value).toBe(true)
    expect(lost).toEqual([])
    expect(warnings).toMatchObject([{ error: { code: 'LLMUX_ERR_PROCESS_DIED', message: expect.stringContaining('it broke off an answer') } }])
  })

  it('asks one that sleeps, which may hold requests, and says no of one that does not run without asking', async () => {
    const { orchestrator, driver, lost } = await setUpAwake()
    await orchestrator.sleep('a')
    expect(await orchestrator.examine('a', 'it broke off an answer')).toBe(true)
    await orchestrator.stop('a')
    driver.calls.length = 0
    expect(await orchestrator.examine('a', 'it is silent')).toBe(false)
    expect(driver.calls).toEqual([])
    expect(lost).toEqual([])
  })
})

describe('asking whether the core of an engine answers', () => {
  it('says what it says, and changes nothing', async () => {
    const { orchestrator, driver, lost } = await setUpAwake()
    expect(await orchestrator.responds('a')).toBe(true)
    driver.does.responds = async () => false
    expect(await orchestrator.responds('a')).toBe(false)
    expect(driver.calls).toEqual(['a responds', 'a responds'])
    expect(lost).toEqual([])
    expect(orchestrator.state('a')).toBe('awake')
  })

  it('takes no answer in time for a no', async () => {
    const { orchestrator, driver, clock } = await setUpAwake()
    driver.does.responds = isDeaf
    const answer = outcome(orchestrator.responds('a').then(value => expect(value).toBe(false)))
    await pass(clock, 4_999)
    expect(answer.value).toBeUndefined()
    await pass(clock, 1)
    expect(answer.value).toBe(true)
  })

  it('is not done with one that sleeps, which is silent because it is to, nor with one that does not run', async () => {
    const { orchestrator, driver } = await setUpAwake()
    await orchestrator.sleep('a')
    driver.calls.length = 0
    expect(await orchestrator.responds('a')).toBe(true)
    expect(driver.calls).toEqual([])
    await orchestrator.stop('a')
    driver.calls.length = 0
    expect(await orchestrator.responds('a')).toBe(false)
    expect(driver.calls).toEqual([])
  })
})
