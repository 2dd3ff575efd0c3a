import { describe, expect, it } from 'vitest'
import { WakeError } from '../../../lib/errors.ts'
import { engines } from '../../../lib/engines/index.ts'
import { fails } from './fake-driver.ts'
import { makeModel, pass, setUp, settle } from './helper.ts'

async function setUpAwake (changes: Parameters<typeof makeModel>[1] = {}, version: string | undefined = '0.32.0') {
  const setup = setUp([makeModel('a', { freeze: true, ...changes })])
  setup.driver.engineVersion = version
  await setup.orchestrator.wake('a')
  return setup
}

async function setUpFrozen (changes: Parameters<typeof makeModel>[1] = {}) {
  const setup = await setUpAwake(changes)
  await setup.orchestrator.sleep('a', undefined, { frozen: 3 })
  setup.driver.calls.length = setup.changes.length = 0
  return setup
}

describe('whether an engine keeps its requests through a sleep', () => {
  it.each([
    ['0.17.0', 1], ['0.17.1', 1], ['0.32.0', 2], ['1.0', 2], ['v0.26.0+cu129', 2], ['0.25.9', 1], ['0.16.9', 0], ['0.9.2', 0], ['', 0], ['dev', 0], [undefined, 0]
  ] as const)('is known from its version: %s does up to level %i', (version, highest) => {
    expect(([1, 2] as const).map(level => engines.vllm.freeze!.keeps(version, level))).toEqual([highest >= 1, highest >= 2])
  })

  it('is asked after its start', async () => {
    const { orchestrator, driver, warnings } = await setUpAwake()
    expect(driver.calls).toContain('a version')
    expect(orchestrator.keepsRequests('a')).toBe(true)
    expect(warnings).toEqual([])
  })

  it('is told once in each life if it does not', async () => {
    const { orchestrator, driver, warnings } = await setUpAwake({}, '0.16.0')
    expect(orchestrator.keepsRequests('a')).toBe(false)
    expect(warnings).toMatchObject([{ model: 'a', error: { code: 'LLMUX_ERR_FREEZE_UNSUPPORTED', message: expect.stringContaining('0.16.0') } }])
    await orchestrator.sleep('a')
    await orchestrator.wake('a')
    expect(warnings).toHaveLength(1)
    driver.does.version = fails(new Error('404'))
    await orchestrator.stop('a')
    await orchestrator.wake('a')
    expect(warnings.slice(1)).toMatchObject([{ error: { message: expect.stringContaining('reports nothing') } }])
  })

  it.each([['that must not freeze', { freeze: false }], ['that sleeps at level 3', { sleepLevel: 3 }], ['without sleep mode', { sleepMode: false }]] as const)('is not asked of a model %s', async (_, changes) => {
    const { orchestrator, driver } = await setUpAwake(changes)
    expect(driver.calls).not.toContain('a version')
    expect(orchestrator.keepsRequests('a')).toBe(false)
  })
})

describe('a sleep with requests in flight', () => {
  it.each([1, 2] as const)('at level %i keeps them, and tells how many', async sleepLevel => {
    const { orchestrator, driver, changes } = await setUpAwake({ sleepLevel })
    changes.length = driver.calls.length = 0
    await orchestrator.sleep('a', undefined, { frozen: 2 })
    expect(driver.calls).toEqual([`a sleep ${sleepLevel} keep`])
    expect(changes).toMatchObject([{ to: 'sleeping', frozen: 2 }, { to: 'asleep', frozen: 2 }])
  })

  it('waits for them otherwise, as there are none', async () => {
    const { orchestrator, driver } = await setUpAwake()
    await orchestrator.sleep('a')
    expect(driver.calls.at(-1)).toBe('a sleep 1')
  })

  it('ends with the wake, and nobody is lost', async () => {
    const { orchestrator, lost } = await setUpFrozen()
    await orchestrator.wake('a')
    await orchestrator.stop('a')
    expect(lost).toEqual([])
  })
})

describe('frozen requests are lost', () => {
  it('when the engine is stopped', async () => {
    const { orchestrator, lost } = await setUpFrozen()
    await orchestrator.stop('a')
    expect(lost).toMatchObject([{ id: 'a', error: { code: 'LLMUX_ERR_PROCESS_DIED' } }])
  })

  it('when its process dies', async () => {
    const { driver, lost } = await setUpFrozen()
    driver.process.vanish()
    await settle()
    expect(lost).toMatchObject([{ id: 'a' }])
  })

  it('when it does not wake: it is started afresh, without them', async () => {
    const { orchestrator, driver, lost, clock } = await setUpFrozen()
    driver.does.wake = fails(new WakeError('a', 'out of memory'))
    const wake = orchestrator.wake('a')
    for (let pauses = 0; pauses < 4; pauses++) await pass(clock, 50)
    await wake
    expect(lost).toMatchObject([{ id: 'a', error: { code: 'LLMUX_ERR_WAKE_FAILED' } }])
    expect(orchestrator.state('a')).toBe('awake')
  })

  it('when its sleep fails', async () => {
    const { orchestrator, driver, lost, clock } = await setUpAwake()
    driver.does.sleep = fails(new Error('500'))
    const sleep = orchestrator.sleep('a', undefined, { frozen: 1 })
    await pass(clock, 50)
    await sleep
    expect(lost).toMatchObject([{ id: 'a' }])
    expect(driver.alive).toEqual([])
  })
})
