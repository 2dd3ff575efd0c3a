import { describe, expect, test } from 'vitest'
import { WakeError } from '../../../lib/errors.ts'
import { fails } from './fake-driver.ts'
import type { FakeDriver } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

/** A call that takes its time. */
function takes (setup: ReturnType<typeof setUp>, name: keyof FakeDriver['does'], milliseconds: number): void {
  setup.driver.does[name] = () => new Promise(resolve => setup.clock.setTimeout(() => resolve(true), milliseconds))
}

describe('what bringing an engine up consists of', () => {
  test('a start and its warm-up', async () => {
    const setup = setUp([makeModel('a', { warmup: true })])
    takes(setup, 'spawn', 3_000)
    takes(setup, 'warmUp', 200)
    const { orchestrator, clock, changes } = setup
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 4_000)
    expect(wake.value).toBe(true)
    expect(changes.at(-1)).toMatchObject({ to: 'awake', steps: { start: 3_000, warmUp: 200 } })
    expect(orchestrator.steps('a')).toEqual({ start: 3_000, warmUp: 200 })
  })

  test('a wake from level 2: both halves of the wake together, and the reload', async () => {
    const setup = setUp([makeModel('a', { sleepLevel: 2 })])
    const { orchestrator, clock, changes } = setup
    await orchestrator.wake('a')
    await orchestrator.sleep('a')
    takes(setup, 'wake weights', 100)
    takes(setup, 'reload', 400)
    takes(setup, 'wake kv_cache', 30)
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 600)
    expect(wake.value).toBe(true)
    expect(changes.at(-1)).toMatchObject({ to: 'awake', steps: { wake: 130, reload: 400 } })
  })

  test('includes failed steps, and nothing from before', async () => {
    const setup = setUp()
    const { orchestrator, clock, driver } = setup
    await orchestrator.wake('a')
    await orchestrator.stop('a')
    driver.does.probe = async () => false
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 1_000)
    driver.process.vanish()
    await pass(clock, 1_000)
    expect(wake.value).toBe('LLMUX_ERR_PROCESS_DIED')
    expect(orchestrator.steps('a')).toEqual({ start: 1_000 })
  })
})

describe('the request that something is for', () => {
  test('is named by every event of it, warnings included, and by none of what comes after', async () => {
    const { orchestrator, driver, changes, warnings, clock } = setUp()
    await orchestrator.wake('a', { request: 'req-1' })
    expect(changes.map(({ to, request }) => [to, request])).toEqual([['starting', 'req-1'], ['awake', 'req-1']])
    changes.length = 0
    await orchestrator.sleep('a', 1, { request: 'req-2' })
    driver.does.wake = fails(new WakeError('a', 'out of memory'))
    const wake = outcome(orchestrator.wake('a', { request: 'req-3' }))
    await pass(clock, 1_000)
    expect(wake.value).toBe(true)
    expect(changes.map(({ to, request }) => [to, request])).toEqual([
      ['sleeping', 'req-2'], ['asleep', 'req-2'], ['waking', 'req-3'], ['stopping', 'req-3'], ['starting', 'req-3'], ['awake', 'req-3']
    ])
    expect(warnings.length).toBeGreaterThan(0)
    expect(warnings.map(({ request }) => request)).toEqual(warnings.map(() => 'req-3'))
    changes.length = 0
    driver.process.vanish()
    await settle()
    expect(changes[0]).toMatchObject({ to: 'failed' })
    expect(changes[0]).not.toHaveProperty('request')
  })
})
