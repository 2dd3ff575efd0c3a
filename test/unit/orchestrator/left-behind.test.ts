import { describe, expect, it } from 'vitest'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

function setUpWithOrphans () {
  let tell: (found: boolean) => void = () => {}
  const orphans = new Promise<boolean>(resolve => { tell = resolve })
  const gpu = { used: 20_000, looks: 0 }
  const setup = setUp([makeModel('a'), makeModel('b')], {
    orphans,
    readMemory: async () => {
      gpu.looks++
      return [{ used: gpu.used * 1024 ** 2, total: 24_000 * 1024 ** 2 }]
    }
  })
  return { ...setup, tell, gpu }
}

describe('what an earlier gateway has left behind', () => {
  it('is waited for before anything is checked or started', async () => {
    const { orchestrator, driver, tell, gpu } = setUpWithOrphans()
    gpu.used = 0
    const asked = [orchestrator.prepare('a'), orchestrator.wake('a'), orchestrator.wake('b')].map(outcome)
    await settle()
    expect(driver.calls).toEqual([])
    tell(true)
    await settle()
    expect(asked.map(({ value }) => value)).toEqual([true, true, true])
  })

  it('gives its memory back a little later', async () => {
    const { orchestrator, driver, tell, gpu, clock } = setUpWithOrphans()
    tell(true)
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 2_500)
    expect(driver.calls).toEqual([])
    gpu.used = 0
    await pass(clock, 500)
    expect(wake.value).toBe(true)
  })

  it('may be nothing: then no memory is expected back', async () => {
    const { orchestrator, tell, clock } = setUpWithOrphans()
    tell(false)
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 1_500)
    expect(wake.value).toBe(true)
  })

  it('keeps nobody from closing', async () => {
    const { orchestrator, driver, tell } = setUpWithOrphans()
    const wake = outcome(orchestrator.wake('a'))
    await orchestrator.close()
    tell(true)
    await settle()
    expect(wake.value).toBe('LLMUX_ERR_CLOSING')
    expect(driver.calls).toEqual([])
  })
})
